package therapy

import (
	"slices"
	"strings"
	"testing"
)

// The definitions that ship are sound. A change of one is a new version: journeys under way
// keep the old one, whose hash they name.
func TestDefinitionsKeepTheirHash(t *testing.T) {
	pinned := map[string]string{
		"cart-autologous-cryo 1":  "28ec5c5c440af37ef8ddc24abb03d82de023c3952c4b0e130973271b92e5bb7a",
		"cart-autologous-fresh 1": "faf560c0dc9fdecf25a0f51025854e1a24f70485b7f44d2f1d6781401b8f2f34",
		"demo 1":                  "62f1ff068322b20cfb313eddfe65f3535a42d89f05132977e397097b575a3357",
		"hsct-allogeneic 1":       "030de9558abcceada043107511d1648cfd4fde298dd4d6ce82c58c67a15cfb92",
	}
	ids, err := Definitions()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		d, err := Definition(id)
		if err != nil {
			t.Fatal(err)
		}
		if name := id + " " + d.Version; d.ID != id || d.Hash().String() != pinned[name] {
			t.Errorf("%s has the hash %s, pinned is %q: a changed definition gets a new version", name, d.Hash(), pinned[name])
		}
		delete(pinned, id+" "+d.Version)
	}
	if len(pinned) > 0 {
		t.Errorf("pinned and not shipped: %v", pinned)
	}
}

// The demonstration has the gates and clocks of the real one; only its times are short.
func TestDemoDiffersInTimesOnly(t *testing.T) {
	demo, err := shipped.ReadFile("definitions/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	full, err := shipped.ReadFile("definitions/cart-autologous-cryo.json")
	if err != nil {
		t.Fatal(err)
	}
	words := func(text []byte) []string {
		return slices.DeleteFunc(strings.Split(string(text), `"`), func(w string) bool {
			return w == "demo" || w == "cart-autologous-cryo" || strings.Trim(w, "0123456789") == "h" ||
				strings.Trim(w, "0123456789") == "m" || strings.Trim(w, "0123456789") == "s"
		})
	}
	if !slices.Equal(words(demo), words(full)) {
		t.Error("demo.json differs from cart-autologous-cryo.json in more than times")
	}
}

func TestUnknownDefinition(t *testing.T) {
	if _, err := Definition("none"); err == nil || !strings.Contains(err.Error(), `no definition "none" ships`) {
		t.Errorf("got %v", err)
	}
}
