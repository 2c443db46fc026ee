//! Which event comes next: every event type, how often it comes in each mix, and what must have happened before.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

/// A choice of event types and their shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mix {
    /// All event types, as often as the platform sends them; about 1.6 kB each.
    #[default]
    Realistic,
    /// Almost only logins: many small events, one narrow row each.
    Logins,
    /// Mostly changes of a few entities: many small events, few rows.
    Lifecycle,
}

impl FromStr for Mix {
    type Err = UnknownMix;

    fn from_str(name: &str) -> Result<Self, UnknownMix> {
        <Self as ValueEnum>::from_str(name, true).map_err(|_| UnknownMix(name.to_owned()))
    }
}

/// A mix of that name does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mix is named {0:?}: take realistic, logins or lifecycle")]
pub struct UnknownMix(String);

macro_rules! event_types {
    ($($variant:ident $name:literal after $before:ident: $realistic:literal $logins:literal $lifecycle:literal,)*) => {
        /// Every event type that is generated.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum EventType { $($variant,)* }

        /// Type and its shares of a thousand, by mix.
        const SHARES: &[(EventType, [usize; 3])] =
            &[$((EventType::$variant, [$realistic, $logins, $lifecycle]),)*];

        impl EventType {
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The event that brings about what this one needs, if it cannot happen yet.
            pub(crate) fn before(self) -> Self {
                match self { $(Self::$variant => Self::$before,)* }
            }
        }
    };
}

// Event type, the one it may wait for, and the shares of a thousand: realistic, logins, lifecycle. The realistic shares
// are the contract's where it names them (section 6).
event_types! {
    UserRegistered "user.registered" after UserRegistered: 120 15 15,
    UserLogin "user.login" after UserRegistered: 130 900 0,
    UserEmailVerified "user.email_verified" after UserRegistered: 53 0 12,
    UserAccountLocked "user.account_locked" after UserRegistered: 6 0 6,
    UserPasswordResetRequested "user.password_reset_requested" after UserRegistered: 12 0 0,
    UserPasswordReset "user.password_reset" after UserPasswordResetRequested: 10 0 0,
    SupplierRegistered "supplier.registered" after SupplierRegistered: 12 5 2,
    SupplierLogin "supplier.login" after SupplierRegistered: 30 80 0,
    SupplierDocumentsSubmitted "supplier.documents_submitted" after SupplierRegistered: 8 0 8,
    OrderCreated "order.created" after ProductCreated: 80 0 25,
    OrderCompleted "order.completed" after OrderCreated: 40 0 18,
    OrderCancelled "order.cancelled" after OrderCreated: 15 0 12,
    PostCreated "post.created" after CommunityCreated: 60 0 15,
    PostDeleted "post.deleted" after PostCreated: 8 0 8,
    PostHidden "post.hidden" after PostCreated: 8 0 12,
    PostGlobalDistributionApproved "post.global_distribution_approved" after PostCreated: 12 0 10,
    ProductCreated "product.created" after SupplierRegistered: 60 0 10,
    ProductPublished "product.published" after ProductCreated: 40 0 170,
    ProductOutOfStock "product.out_of_stock" after ProductPublished: 12 0 165,
    ProductDiscontinued "product.discontinued" after ProductPublished: 6 0 6,
    ProductDeleted "product.deleted" after ProductCreated: 6 0 4,
    PromotionCreated "promotion.created" after ProductCreated: 26 0 12,
    PromotionSubmitted "promotion.submitted" after PromotionCreated: 28 0 60,
    PromotionApproved "promotion.approved" after PromotionSubmitted: 40 0 32,
    PromotionRejected "promotion.rejected" after PromotionSubmitted: 6 0 48,
    PromotionScheduled "promotion.scheduled" after PromotionApproved: 6 0 4,
    PromotionPaused "promotion.paused" after PromotionApproved: 5 0 99,
    PromotionResumed "promotion.resumed" after PromotionPaused: 4 0 97,
    PromotionEnded "promotion.ended" after PromotionApproved: 7 0 5,
    PromotionCancelled "promotion.cancelled" after PromotionCreated: 4 0 3,
    CommunityCreated "community.created" after UserRegistered: 8 0 4,
    CommunityMemberJoined "community.member_joined" after CommunityCreated: 100 0 70,
    CommunityMemberLeft "community.member_left" after CommunityMemberJoined: 30 0 62,
    CommunitySuspended "community.suspended" after CommunityCreated: 3 0 2,
    CommunityVerified "community.verified" after CommunityCreated: 5 0 4,
}

const fn sums() -> [usize; 3] {
    let (mut sums, mut row) = ([0; 3], 0);
    while row < SHARES.len() {
        let mut mix = 0;
        while mix < 3 {
            sums[mix] += SHARES[row].1[mix];
            mix += 1;
        }
        row += 1;
    }
    sums
}

const _: () =
    assert!(matches!(sums(), [1_000, 1_000, 1_000]), "the shares of a mix are not a thousand");

impl EventType {
    pub(crate) fn topic(self) -> &'static str {
        self.name().split_once('.').map_or("", |(topic, _)| topic)
    }
}

impl Mix {
    /// A thousand event types, each as often as its share: one of them at random is the next event.
    pub(crate) fn thousand(self) -> Vec<EventType> {
        SHARES
            .iter()
            .flat_map(|(event_type, shares)| vec![*event_type; shares[self as usize]])
            .collect()
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realistic => "realistic",
            Self::Logins => "logins",
            Self::Lifecycle => "lifecycle",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::TOPICS;

    #[test]
    fn names_round_trip() {
        for mix in [Mix::Realistic, Mix::Logins, Mix::Lifecycle] {
            assert_eq!(mix.to_string().parse(), Ok(mix));
        }
        let unknown = "nope".parse::<Mix>();
        assert!(unknown.is_err_and(|error| error.to_string().contains("lifecycle")));
    }

    #[test]
    fn every_topic_is_one_of_the_seven_and_every_wait_ends() {
        for (event_type, _) in SHARES {
            assert!(TOPICS.contains(&event_type.topic()));
            let mut waits_for = *event_type;
            for _ in 0..10 {
                waits_for = waits_for.before();
            }
            assert_eq!(waits_for, waits_for.before(), "{}", event_type.name());
        }
    }
}
