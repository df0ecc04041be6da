//! The imports between files, and their circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// The imports between the files of a crate.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>,
}

/// Files that import each other: each edge ends where the next one begins, the last one where the
/// first begins.
pub(super) type Circle = Vec<Edge>;

/// The items that one file imports from another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    pub(super) items: BTreeSet<String>,
}

impl Graph {
    pub(super) fn add(&mut self, from: &Path, to: &Path, item: String) {
        let targets = self.edges.entry(from.to_path_buf()).or_default();
        targets.entry(to.to_path_buf()).or_default().insert(item);
    }

    /// Circles without a common edge, the shortest first, such that every circle of the graph has
    /// an edge in common with one of them.
    pub(super) fn into_circles(mut self) -> Vec<Circle> {
        let mut circles = Vec::new();
        while let Some(files) = self.shortest_circle() {
            let next = files.iter().cycle().skip(1);
            let edge = |(from, to): (&PathBuf, &PathBuf)| Edge {
                from: from.clone(),
                to: to.clone(),
                items: self.remove(from, to),
            };
            circles.push(files.iter().zip(next).map(edge).collect());
        }
        circles
    }

    fn remove(&mut self, from: &Path, to: &Path) -> BTreeSet<String> {
        let targets = self.edges.get_mut(from);
        targets
            .and_then(|targets| targets.remove(to))
            .unwrap_or_default()
    }

    fn shortest_circle(&self) -> Option<Vec<PathBuf>> {
        let circles = self
            .edges
            .keys()
            .filter_map(|file| self.circle_through(file));
        circles.min_by_key(Vec::len)
    }

    /// A shortest path from `file` back to itself.
    fn circle_through(&self, file: &Path) -> Option<Vec<PathBuf>> {
        let mut reached_from: BTreeMap<&Path, &Path> = BTreeMap::new();
        let mut waiting = VecDeque::from([file]);
        while let Some(from) = waiting.pop_front() {
            let targets = self.edges.get(from).into_iter().flat_map(BTreeMap::keys);
            for to in targets.map(PathBuf::as_path) {
                if to == file {
                    let before = |one: &&Path| reached_from.get(one).copied();
                    let way = std::iter::successors(Some(from), before);
                    let mut way: Vec<PathBuf> = way.map(Path::to_path_buf).collect();
                    way.reverse();
                    return Some(way);
                }
                if !reached_from.contains_key(to) {
                    reached_from.insert(to, from);
                    waiting.push_back(to);
                }
            }
        }
        None
    }
}
