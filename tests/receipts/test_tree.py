"""The tree of RFC 6962: its reference roots and proofs, and everything against the definition written as recursion."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.receipts.tree import (
    EMPTY,
    WIDTH,
    Frontier,
    consistency,
    consistent,
    included,
    inclusion,
    leaf_hash,
    node_hash,
    peaks,
    root,
)

# The inputs and roots of Certificate Transparency's reference implementation, for trees of 0 to 8 leaves.
INPUTS = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [  # leaf counted from 1, size, path: the reference's own table
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (3, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        2,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]
GROWN = [  # old size, size, proof
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


class Kept:
    """A tree as it is stored: the hashes of each leaf, and nodes by the arithmetic of the module's docstring."""

    def __init__(self, leaves):
        self.edge = Frontier()
        self.rows = [self.edge.append(leaf) for leaf in leaves]

    def __call__(self, level, position):
        row = self.rows[(position + 1 << level) - 1]
        return row[WIDTH * level : WIDTH * (level + 1)]


def naive(leaves):
    """MTH of RFC 6962 section 2.1, letter by letter, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\1" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def naive_path(m, leaves):
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive(leaves[:k])]


def naive_proof(m, leaves, whole=True):
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if m == len(leaves):
        return [] if whole else [naive(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_proof(m, leaves[:k], whole), naive(leaves[k:])]
    return [*naive_proof(m - k, leaves[k:], whole=False), naive(leaves[:k])]


def split(size):
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def hashes(size, salt=b""):
    return [leaf_hash(salt + b"%d" % number) for number in range(size)]


def test_the_reference_roots():
    kept = Kept(map(leaf_hash, INPUTS))
    assert [root(kept, size).hex() for size in range(9)] == ROOTS
    assert Frontier().root() == EMPTY == root(kept, 0)


@pytest.mark.parametrize(("leaf", "size", "path"), PATHS)
def test_the_reference_paths(leaf, size, path):
    made = inclusion(Kept(map(leaf_hash, INPUTS)), leaf - 1, size)
    assert [step.hex() for step in made] == path
    assert included(leaf_hash(INPUTS[leaf - 1]), leaf - 1, size, made, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("old", "size", "path"), GROWN)
def test_the_reference_consistency_proofs(old, size, path):
    made = consistency(Kept(map(leaf_hash, INPUTS)), old, size)
    assert [step.hex() for step in made] == path
    assert consistent(old, size, bytes.fromhex(ROOTS[old]), bytes.fromhex(ROOTS[size]), made)


def test_every_small_tree_is_the_recursion():
    leaves = hashes(40)
    kept = Kept(leaves)
    for size in range(1, 41):
        assert root(kept, size) == naive(leaves[:size])
        for leaf in range(size):
            path = inclusion(kept, leaf, size)
            assert path == naive_path(leaf, leaves[:size])
            assert included(leaves[leaf], leaf, size, path, naive(leaves[:size]))
        for old in range(1, size + 1):
            proof = consistency(kept, old, size)
            assert proof == naive_proof(old, leaves[:size])
            assert consistent(old, size, naive(leaves[:old]), naive(leaves[:size]), proof)


@given(st.integers(1, 300), st.data())
def test_no_proof_of_something_else_is_accepted(size, data):
    leaves = hashes(size)
    kept, top = Kept(leaves), naive(leaves)
    leaf = data.draw(st.integers(0, size - 1))
    path = inclusion(kept, leaf, size)
    assert path == naive_path(leaf, leaves)
    assert included(leaves[leaf], leaf, size, path, top)
    assert not included(leaf_hash(b"other"), leaf, size, path, top)
    assert not included(leaves[leaf], leaf, size, path, leaf_hash(b"other"))
    assert not included(leaves[leaf], leaf, size, [*path, top], top)
    assert not included(leaves[leaf], size, size, path, top)
    assert not included(leaves[leaf], -1, size, path, top)
    if path:
        assert not included(leaves[leaf], leaf, size, path[:-1], top)
        step = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:step], leaf_hash(path[step]), *path[step + 1 :]]
        assert not included(leaves[leaf], leaf, size, bent, top)


@given(st.integers(1, 300), st.data())
def test_no_log_that_was_made_anew_is_consistent(size, data):
    old = data.draw(st.integers(1, size))
    leaves = hashes(size)
    proof, before, after = consistency(Kept(leaves), old, size), naive(leaves[:old]), naive(leaves)
    assert consistent(old, size, before, after, proof)
    other = naive(hashes(old, b"other"))
    assert not consistent(old, size, other, after, proof)
    assert not consistent(old, size, before, other, proof)
    assert not consistent(old, size, before, after, [*proof, after])
    assert not consistent(0, size, before, after, proof)
    assert not consistent(size + 1, size, before, after, proof)
    if proof:
        assert not consistent(old, size, before, after, proof[:-1])
        step = data.draw(st.integers(0, len(proof) - 1))
        bent = [*proof[:step], leaf_hash(proof[step]), *proof[step + 1 :]]
        assert not consistent(old, size, before, after, bent)


def test_a_leaf_is_no_node():
    left, right = hashes(2)
    assert leaf_hash(left + right) != node_hash(left, right)


@given(st.integers(0, 1 << 40))
def test_peaks_cover_every_leaf_once(size):
    end = 0
    for level, position in peaks(size):
        assert position << level == end
        end = position + 1 << level
    assert end == size
