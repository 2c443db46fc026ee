//! Words to make sentences of, in the scripts that the platform's users write.

/// A language: its words, and how they are put together.
#[derive(Debug)]
pub(super) struct Language {
    pub(super) between: &'static str,
    pub(super) stop: &'static str,
    /// With blanks between.
    pub(super) words: &'static str,
}

const fn spaced(words: &'static str) -> Language {
    Language { between: " ", stop: ". ", words }
}

const fn unspaced(words: &'static str) -> Language {
    Language { between: "", stop: "。", words }
}

/// The languages; sentences are more often in the earlier ones.
pub(super) const LANGUAGES: [Language; 13] = [
    spaced(ENGLISH),
    spaced(LATIN),
    spaced(SPANISH),
    spaced(FRENCH),
    spaced(GERMAN),
    spaced(TURKISH),
    spaced(RUSSIAN),
    spaced(HEBREW),
    spaced(ARABIC),
    spaced(HINDI),
    unspaced(CHINESE),
    unspaced(JAPANESE),
    spaced(KOREAN),
];

/// How often a language is taken, in the order of [`LANGUAGES`].
pub(super) const LANGUAGE_WEIGHTS: [usize; 13] = [30, 18, 8, 7, 7, 3, 5, 5, 3, 3, 4, 3, 2];

const ENGLISH: &str = "\
    garden bright table walnut kitchen leather soft evening river handmade copper morning \
    basket gentle summer cotton steady little wooden lantern bottle with under between \
    carries makes keeps wears brings folds opens holds warm light heavy narrow open second \
    seven market village workshop harbour neighbour teacher weekend season colour ribbon \
    blanket pocket saddle anchor bicycle camera hammer needle paper pencil pillow rocket \
    silver sugar thread ticket velvet winter yellow and of for from";

const LATIN: &str = "\
    aliquam ante arcu augue bibendum blandit commodo consequat cursus dapibus dictum egestas \
    eleifend fermentum feugiat gravida hendrerit iaculis imperdiet integer lacinia lectus \
    libero luctus maecenas mattis mollis nullam ornare pharetra placerat porta pretium \
    pulvinar rhoncus sagittis sapien semper suspendisse tellus tincidunt ultrices varius \
    vestibulum";

const SPANISH: &str = "\
    mañana corazón camino pequeña ventana canción árbol lápiz jardín montaña niño señal \
    último río cocina verano madera algodón tejido barato rápido lluvia también según entre \
    desde aquí todavía color tamaño español dibujo plata mesa cuchara zapato";

const FRENCH: &str = "\
    forêt été cœur lumière fenêtre château élève garçon rivière légère bientôt toujours près \
    derrière voilà maison couleur panier chaussure théâtre crème tôt même papier étoile \
    hôtel noël français façade goût âme ici bois laine argent bleu";

const GERMAN: &str = "\
    Straße Frühling Küche Bäume schön größer Tür Löffel Bücher Mädchen grün süß draußen \
    Wolle Holz Garten Abend Werkstatt Fahrrad leicht zwischen überall während Geschenk \
    Tasche Kupfer Äpfel Öl müde fröhlich Nachbar Schuhe Farbe Decke Kissen Markt";

const TURKISH: &str = "\
    güneş deniz ağaç çiçek kırmızı yeşil şehir öğrenci ışık gümüş büyük küçük kahve sabah \
    İstanbul yağmur ayakkabı pamuk defter gökyüzü";

const RUSSIAN: &str = "\
    утро дорога окно тёплый зелёный река город книга письмо зима лето дерево работа мастер \
    синий тихий новый старый рынок чашка лампа бумага серебро вечер подарок между всегда \
    снова далеко здесь хлопок кожа шерсть ключ обувь цвет";

const HEBREW: &str = "\
    בוקר דרך חלון עץ ספר נהר ירוק כחול שולחן מתנה עבודה שוק חורף קיץ בית מפתח נייר כסף תמיד \
    שוב רחוק כאן צבע גשם שמש לילה כותנה צמר";

const ARABIC: &str = "\
    صباح طريق نافذة شجرة كتاب نهر أخضر أزرق طاولة هدية عمل سوق شتاء صيف بيت مفتاح ورق فضة \
    دائما بعيد هنا لون مطر شمس";

const HINDI: &str = "\
    सुबह रास्ता खिड़की पेड़ किताब नदी हरा नीला मेज़ उपहार काम बाज़ार सर्दी गर्मी घर चाबी \
    काग़ज़ चाँदी हमेशा फिर दूर यहाँ रंग बारिश";

const CHINESE: &str = "\
    早晨 道路 窗户 大树 书本 河流 绿色 蓝色 桌子 礼物 工作 市场 冬天 夏天 房子 钥匙 纸张 银色 总是 再次 遥远 这里 颜色 下雨 阳光 棉布 羊毛 手工 质量 \
    朋友 很好 我们的";

const JAPANESE: &str = "\
    朝の 道を 窓から 木の 本と 川へ 緑色の 青い テーブル プレゼント 仕事の 市場で 冬に 夏は 家まで カギを 紙に 銀の いつも ふたたび 遠く ここに 色が 雨と \
    太陽の コットン ウール 手作りの";

const KOREAN: &str = "\
    아침 길에서 창문 나무 책과 강물 초록색 파란 책상 선물 시장 겨울 여름 집으로 열쇠 종이 은색 언제나 다시 멀리 여기 햇살";

/// What people and their keyboards do to text: each of these breaks something that is built carelessly.
pub(super) const ODDITIES: [&str; 34] = [
    "\"in quotes\"",
    "it's \"5\" tall",
    "C:\\temp\\new",
    "\\",
    "\\\\\\\\",
    "\\u0041",
    "tab\there",
    "line\nbreak",
    "carriage\r\nreturn",
    "\u{8}\u{c}",
    "nul\0inside",
    "\0",
    "\u{1b}[31mred\u{1b}[0m",
    "bell\u{7}",
    "delete\u{7f}",
    "\u{a0}no-break\u{a0}",
    "zero\u{200b}width\u{200d}",
    "\u{202e}turned\u{202c}",
    "\u{feff}mark",
    "\u{fffe}\u{ffff}",
    "\u{10ffff}",
    "line\u{2028}separator\u{2029}",
    "e\u{301}\u{301}\u{301}",
    "👩\u{200d}👩\u{200d}👧\u{200d}👦",
    "🚀🚀🚀",
    "🏳\u{fe0f}\u{200d}🌈",
    "😀 😅 🤷🏽",
    "𝔉𝔯𝔞𝔨𝔱𝔲𝔯 𠮷野家",
    "ﷺ ﬃ ẞ İ ı",
    "'; DROP TABLE users; --",
    "</script><b>",
    "%s %d {} ${x} {{y}}",
    "  two blanks  ",
    "null",
];
