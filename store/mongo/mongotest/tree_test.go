package mongotest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// A tree agrees with a map, and its snapshots do not change.
func TestTree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var now tree[int]
	model := map[string]int{}
	type snapshot struct {
		tree  tree[int]
		model map[string]int
	}
	var old []snapshot
	for range 50 {
		o := new(owner)
		for range 100 {
			key := fmt.Sprint(random.IntN(300))
			if random.IntN(3) == 0 {
				now.delete(o, key)
				delete(model, key)
			} else {
				now.put(o, key, random.Int())
				model[key], _ = now.get(key)
			}
		}
		old = append(old, snapshot{now, maps.Clone(model)})
	}
	for _, s := range old {
		compareTree(t, s.tree, s.model, "1", "25")
		compareTree(t, s.tree, s.model, "", "")
	}
}

func compareTree(t *testing.T, tr tree[int], model map[string]int, lo, hi string) {
	t.Helper()
	var want, up []string
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if k >= lo && (hi == "" || k < hi) {
			want = append(want, fmt.Sprint(k, model[k]))
		}
	}
	tr.ascend(lo, hi, func(k string, v int) bool { up = append(up, fmt.Sprint(k, v)); return true })
	if !slices.Equal(up, want) || tr.size != len(model) {
		t.Fatalf("tree has %v, want %v", up, want)
	}
}
