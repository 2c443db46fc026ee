//! Makes events happen: the one asked for, or what has to happen before it.
//!
//! Asked for `order.completed` in an empty world, `order.created` is tried first, then `product.created`,
//! `supplier.registered` – which always can happen, and is given.

use crate::clock::Clock;
use crate::entities::stock::Stock;
use crate::entities::{community, order, post, product, promotion, supplier, user};
use crate::mix::EventType;
use crate::rng::Stream;
use crate::scribe::{Scribe, Written};

/// More than the longest chain of events that wait for each other.
const WAITS_MAX: usize = 12;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scribe: Scribe,
    stock: Stock,
}

impl World {
    pub(crate) fn new(seed: u64, stream: Stream, clock: Clock, stock: Stock) -> Self {
        Self { scribe: Scribe::new(seed, stream, clock), stock }
    }

    /// The next event, as close to `wanted` as the state of the world allows.
    pub(crate) fn next(&mut self, mut wanted: EventType) -> Written {
        let Self { scribe, stock } = self;
        let (clock, rng) = (&mut scribe.clock, &mut scribe.rng);
        clock.advance(rng);
        for _ in 0..WAITS_MAX {
            if let Some(written) = happen(wanted, scribe, stock).and_then(|()| scribe.take()) {
                return written;
            }
            wanted = wanted.before();
        }
        unreachable!("{} can always happen", wanted.name());
    }
}

/// Writes the event with `s`, or nothing when no entity is in the state it needs.
fn happen(event_type: EventType, s: &mut Scribe, stock: &mut Stock) -> Option<()> {
    use EventType as E;
    match event_type {
        E::UserRegistered => user::registered(s, stock),
        E::UserLogin => user::login(s, stock),
        E::UserEmailVerified => user::email_verified(s, stock),
        E::UserAccountLocked => user::account_locked(s, stock),
        E::UserPasswordResetRequested => user::password_reset_requested(s, stock),
        E::UserPasswordReset => user::password_reset(s, stock),
        E::SupplierRegistered => supplier::registered(s, stock),
        E::SupplierLogin => supplier::login(s, stock),
        E::SupplierDocumentsSubmitted => supplier::documents_submitted(s, stock),
        E::OrderCreated => order::created(s, stock),
        E::OrderCompleted => order::completed(s, stock),
        E::OrderCancelled => order::cancelled(s, stock),
        E::PostCreated => post::created(s, stock),
        E::PostDeleted => post::deleted(s, stock),
        E::PostHidden => post::hidden(s, stock),
        E::PostGlobalDistributionApproved => post::global_distribution_approved(s, stock),
        E::ProductCreated => product::created(s, stock),
        E::ProductPublished => product::published(s, stock),
        E::ProductOutOfStock => product::out_of_stock(s, stock),
        E::ProductDiscontinued => product::discontinued(s, stock),
        E::ProductDeleted => product::deleted(s, stock),
        E::PromotionCreated => promotion::created(s, stock),
        E::PromotionSubmitted => promotion::submitted(s, stock),
        E::PromotionApproved => promotion::approved(s, stock),
        E::PromotionRejected => promotion::rejected(s, stock),
        E::PromotionScheduled => promotion::scheduled(s, stock),
        E::PromotionPaused => promotion::paused(s, stock),
        E::PromotionResumed => promotion::resumed(s, stock),
        E::PromotionEnded => promotion::ended(s, stock),
        E::PromotionCancelled => promotion::cancelled(s, stock),
        E::CommunityCreated => community::created(s, stock),
        E::CommunityMemberJoined => community::member_joined(s, stock),
        E::CommunityMemberLeft => community::member_left(s, stock),
        E::CommunitySuspended => community::suspended(s, stock),
        E::CommunityVerified => community::verified(s, stock),
    }
}
