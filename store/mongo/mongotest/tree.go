package mongotest

import "math/rand/v2"

// A tree is an ordered map of strings. A copy of the struct is a snapshot:
// writers copy the nodes that they do not own.
type tree[V any] struct {
	root *node[V]
	size int
}

type node[V any] struct {
	key         string
	val         V
	rank        uint32
	owner       *owner
	left, right *node[V]
}

// An owner may change the nodes that it made. It is dropped when its work
// becomes visible to others.
type owner struct{ _ byte }

func (t tree[V]) get(key string) (V, bool) {
	for n := t.root; n != nil; {
		switch {
		case key < n.key:
			n = n.left
		case key > n.key:
			n = n.right
		default:
			return n.val, true
		}
	}
	var zero V
	return zero, false
}

func (t *tree[V]) put(o *owner, key string, val V) {
	t.root = t.insert(o, t.root, key, val)
}

func (n *node[V]) own(o *owner) *node[V] {
	if n.owner == o {
		return n
	}
	c := *n
	c.owner = o
	return &c
}

func (t *tree[V]) insert(o *owner, n *node[V], key string, val V) *node[V] {
	if n == nil {
		t.size++
		return &node[V]{key: key, val: val, rank: rand.Uint32(), owner: o}
	}
	n = n.own(o)
	switch {
	case key < n.key:
		n.left = t.insert(o, n.left, key, val)
		if l := n.left; l.rank > n.rank {
			n.left, l.right = l.right, n
			return l
		}
	case key > n.key:
		n.right = t.insert(o, n.right, key, val)
		if r := n.right; r.rank > n.rank {
			n.right, r.left = r.left, n
			return r
		}
	default:
		n.val = val
	}
	return n
}

func (t *tree[V]) delete(o *owner, key string) {
	if _, ok := t.get(key); ok {
		t.root = remove(o, t.root, key)
		t.size--
	}
}

func remove[V any](o *owner, n *node[V], key string) *node[V] {
	if n.key == key {
		return merge(o, n.left, n.right)
	}
	n = n.own(o)
	if key < n.key {
		n.left = remove(o, n.left, key)
	} else {
		n.right = remove(o, n.right, key)
	}
	return n
}

func merge[V any](o *owner, l, r *node[V]) *node[V] {
	switch {
	case l == nil:
		return r
	case r == nil:
		return l
	case l.rank > r.rank:
		l = l.own(o)
		l.right = merge(o, l.right, r)
		return l
	}
	r = r.own(o)
	r.left = merge(o, l, r.left)
	return r
}

// ascend goes through lo <= key < hi; an empty hi is no end. It stops when
// visit says false.
func (t tree[V]) ascend(lo, hi string, visit func(string, V) bool) bool {
	return ascend(t.root, lo, hi, visit)
}

func ascend[V any](n *node[V], lo, hi string, visit func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.key < lo {
		return ascend(n.right, lo, hi, visit)
	}
	if hi != "" && n.key >= hi {
		return ascend(n.left, lo, hi, visit)
	}
	return ascend(n.left, lo, hi, visit) && visit(n.key, n.val) && ascend(n.right, lo, hi, visit)
}
