//! Everything alive: one bounded pool per kind of entity.

use super::community::Community;
use super::order::Order;
use super::post::Post;
use super::product::Product;
use super::promotion::Promotion;
use super::supplier::Supplier;
use super::user::User;
use crate::pool::Pool;

#[derive(Debug)]
pub(crate) struct Stock {
    pub(crate) users: Pool<User>,
    pub(crate) suppliers: Pool<Supplier>,
    pub(crate) orders: Pool<Order>,
    pub(crate) posts: Pool<Post>,
    pub(crate) products: Pool<Product>,
    pub(crate) promotions: Pool<Promotion>,
    pub(crate) communities: Pool<Community>,
}

impl Stock {
    /// About 10 MB when all pools are full.
    pub(crate) fn new() -> Self {
        Self {
            users: Pool::new(8_192),
            suppliers: Pool::new(1_024),
            orders: Pool::new(4_096),
            posts: Pool::new(4_096),
            products: Pool::new(4_096),
            promotions: Pool::new(2_048),
            communities: Pool::new(512),
        }
    }

    /// For streams that are read one event at a time.
    pub(crate) fn small() -> Self {
        Self {
            users: Pool::new(64),
            suppliers: Pool::new(16),
            orders: Pool::new(32),
            posts: Pool::new(32),
            products: Pool::new(64),
            promotions: Pool::new(32),
            communities: Pool::new(16),
        }
    }
}
