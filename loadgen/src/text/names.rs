//! Names of people, firms and places, by script.

/// Given names and family names that go together.
pub(super) const PEOPLE: [(&[&str], &[&str]); 12] = [
    (
        &[
            "Alice", "Ben", "Clara", "Daniel", "Emma", "Frank", "Grace", "Henry", "Iris", "Jack",
            "Nora", "Oscar",
        ],
        &[
            "Archer",
            "Baker",
            "Cooper",
            "Dyer",
            "Fletcher",
            "Glover",
            "Mason",
            "O'Neill",
            "Potter",
            "Smith-Wright",
        ],
    ),
    (
        &["Lucía", "Íñigo", "Begoña", "Andrés", "Sofía", "Martín", "Inés", "José"],
        &["García", "Muñoz", "Ibáñez", "Peña", "Núñez", "López", "Ordóñez"],
    ),
    (
        &["Chloé", "Élodie", "Rémi", "Noël", "Agnès", "Benoît"],
        &["Lefèvre", "Béranger", "D'Août", "Françon", "Crété"],
    ),
    (
        &["Jürgen", "Käthe", "Sören", "Günther", "Zoë", "Björn"],
        &["Müller", "Groß", "Jäger", "Schröder", "von Öhringen"],
    ),
    (
        &["Çağla", "Işıl", "Ömer", "Şule", "Uğur"],
        &["Yıldız", "Öztürk", "Şahin", "Çelik", "Ağaoğlu"],
    ),
    (
        &["Анна", "Борис", "Вера", "Глеб", "Дарья", "Фёдор"],
        &["Иванова", "Кузнецов", "Соловьёв", "Орлова", "Щербаков"],
    ),
    (&["נועה", "יוסי", "תמר", "אורי", "מיכל"], &["כהן", "לוי", "מזרחי", "פרץ", "בן-דוד"]),
    (&["ليلى", "عمر", "مريم", "يوسف", "سلمى"], &["حداد", "خوري", "نجار", "الصباغ", "منصور"]),
    (&["आशा", "रवि", "मीरा", "विजय", "सीता"], &["शर्मा", "वर्मा", "गुप्ता", "सिंह", "पटेल"]),
    (&["王", "李", "张", "刘", "陈"], &["伟", "秀英", "敏", "静怡", "建国"]),
    (&["佐藤", "鈴木", "高橋", "渡辺", "小林"], &["花子", "太郎", "さくら", "ひろし", "ケン"]),
    (&["김", "이", "박", "최", "정"], &["민준", "서연", "지우", "하은", "도윤"]),
];

/// What a firm's name ends with.
pub(super) const FIRMS: [&str; 18] = [
    " Ltd",
    " & Sons",
    " GmbH & Co. KG",
    " S.A. de C.V.",
    " Inc.",
    " PLC",
    " Tic. A.Ş.",
    " SARL",
    " ООО «Мастер»",
    " בע\"מ",
    " ש.מ.",
    " ش.م.م",
    " प्रा. लि.",
    "有限公司",
    "株式会社",
    "주식회사",
    " \\n Partners",
    " \"The Original\"",
];

pub(super) const CITIES: [&str; 32] = [
    "Ashford",
    "Brookfield",
    "Carrick",
    "Dunmore",
    "Eastlake",
    "Fairhaven",
    "Granville",
    "Hillcrest",
    "San Sebastián",
    "Málaga",
    "Besançon",
    "Saint-Étienne",
    "Köln",
    "Düsseldorf",
    "Würzburg",
    "İzmir",
    "Muğla",
    "Тверь",
    "Ярославль",
    "г. Орёл",
    "חיפה",
    "באר שבע",
    "القاهرة",
    "طنطا",
    "पुणे",
    "जयपुर",
    "杭州市",
    "成都",
    "大阪市",
    "札幌",
    "부산",
    "수원시",
];

pub(super) const STATES: [&str; 16] = [
    "Ohio",
    "Oregon",
    "Vermont",
    "N/A",
    "Jalisco",
    "Andalucía",
    "Île-de-France",
    "Thüringen",
    "Muğla",
    "Тверская обл.",
    "מחוז הצפון",
    "الجيزة",
    "महाराष्ट्र",
    "浙江省",
    "大阪府",
    "경기도",
];

pub(super) const STREETS: [&str; 16] = [
    "Mill Lane",
    "Station Road",
    "Orchard Street Apt. ",
    "Calle del Río ",
    "Avenida Núñez ",
    "rue de l'Été ",
    "Große Gasse ",
    "Çiçek Sokağı No:",
    "ул. Садовая, д. ",
    "רחוב הנביאים ",
    "شارع النيل ",
    "गांधी मार्ग ",
    "人民路",
    "中央区本町",
    "세종대로 ",
    "Suite \"B\" ",
];

pub(super) const COUNTRIES: [&str; 14] =
    ["US", "GB", "DE", "FR", "ES", "MX", "BR", "TR", "IL", "EG", "IN", "CN", "JP", "KR"];

/// Mail domains; one holds a letter that is not ASCII.
pub(super) const DOMAINS: [&str; 8] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "shop-1.example.co.uk",
    "example.com",
    "example.org",
    "bücher.example",
];

pub(super) const CURRENCIES: [&str; 8] = ["USD", "USD", "USD", "EUR", "GBP", "JPY", "ILS", "INR"];
