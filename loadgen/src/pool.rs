//! The entities alive, at most so many: a newcomer to a full pool takes the place of a random one, which is never heard
//! of again. So memory stays the same however long the stream.

use crate::rng::Rng;

/// How many entities are tried for one in the state wanted.
const PROBES_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Pool<T> {
    items: Vec<T>,
    capacity: usize,
}

impl<T> Pool<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { items: Vec::with_capacity(capacity), capacity }
    }

    pub(crate) fn add(&mut self, rng: &mut Rng, item: T) {
        if self.items.len() < self.capacity {
            self.items.push(item);
        } else {
            let place = rng.index(self.items.len());
            self.items[place] = item;
        }
    }

    pub(crate) fn any(&self, rng: &mut Rng) -> Option<&T> {
        (!self.items.is_empty()).then(|| rng.pick(&self.items))
    }

    /// The place of one for which `wanted` holds. Random places are tried, one by one: walking on from one place
    /// would sooner or later meet only neighbours that are done.
    fn find(&self, rng: &mut Rng, wanted: impl Fn(&T) -> bool) -> Option<usize> {
        if self.items.is_empty() {
            return None;
        }
        let mut places = (0..PROBES_MAX).map(|_| rng.index(self.items.len()));
        places.find(|place| wanted(&self.items[*place]))
    }

    /// One for which `wanted` holds, to be changed.
    pub(crate) fn find_mut(
        &mut self,
        rng: &mut Rng,
        wanted: impl Fn(&T) -> bool,
    ) -> Option<&mut T> {
        let place = self.find(rng, wanted)?;
        self.items.get_mut(place)
    }

    /// One for which `wanted` holds, taken out for good.
    pub(crate) fn take(&mut self, rng: &mut Rng, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.find(rng, wanted)?;
        Some(self.items.swap_remove(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn never_grows_beyond_its_capacity_and_finds_what_is_there() {
        let mut rng = Rng::new(1, Stream::Events);
        let mut pool = Pool::new(50);
        assert_eq!(pool.any(&mut rng), None);
        for number in 0..1_000 {
            pool.add(&mut rng, number);
        }
        assert_eq!(pool.items.len(), 50);
        assert!(pool.any(&mut rng).is_some());
        assert_eq!(pool.find(&mut rng, |number| *number > 1_000), None);
        let odd = |number: &i32| number % 2 == 1;
        assert!(pool.find_mut(&mut rng, odd).is_some_and(|number| odd(number)));
        assert!(pool.take(&mut rng, odd).is_some_and(|number| odd(&number)));
        assert_eq!(pool.items.len(), 49);
    }
}
