package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func location(id string, lat, long any) string {
	return fmt.Sprintf(`{"resourceType":"Location","id":"%s","position":{"longitude":%v,"latitude":%v}}`, id, long, lat)
}

func TestNearFindsPlacesWithinADistance(t *testing.T) {
	all := held(t, location("charite", "52.5263", "13.3766"), location("mitte", "52.520", "13.405"), location("fiji", "-17.7", "179.9"), location("samoa", "-17.7", "-179.9"),
		location("pole", "89.99", "120"), location("across", "89.99", "-60"), location("null", "0", "0"), location("nowhere", "91", "0"), `{"resourceType":"Location","id":"none"}`)
	for query, want := range map[string]string{
		"near=52.52|13.40": "charite mitte", "near=52.52|13.40|1|km": "mitte", "near=52.52|13.40|1000|m": "mitte", "near=52.52|13.40|2|[mi_i]": "charite mitte",
		"near=52.520|13.405|0": "mitte", "near=-17.7|180|50|km": "fiji samoa", "near=-17.7|-180|50|km": "fiji samoa", "near=90|0|2|km": "pole across", "near=89.99|120|3|km": "pole across",
		"near=90|180|1e300|km": "charite mitte fiji samoa pole across null", "near=0|0|1e306|km": "charite mitte fiji samoa pole across null", "near=0|0|30000|km": "charite mitte fiji samoa pole across null", "near=0|0|1,52.52|13.40|1": "mitte null", "near:missing=true": "none", "near:missing=false": "charite mitte fiji samoa pole across null nowhere",
	} {
		if got := found(t, "Location", query, all); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, value := range []string{"", "1", "x|1", "1|x", "91|0", "0|181", "0|0|x", "0|0|-1", "0|0|1|parsec", "0|0|1|km|1", "NaN|0", "0|0|Inf"} {
		_, err := ParseQuery("Location", []fhir.Param{{Name: "near", Value: value}}, testOptions)
		if e, ok := err.(*fhir.Error); !ok || e.Kind != fhir.Invalid || e.Expression != "near" {
			t.Errorf("near=%s: %v", value, err)
		}
	}
	for _, name := range []string{"near:exact", "near:in"} {
		if _, err := ParseQuery("Location", []fhir.Param{{Name: name, Value: "0|0"}}, testOptions); err == nil {
			t.Error(name)
		}
	}
	if got := distance(52.5263, 13.3766, 52.520, 13.405); math.Abs(got-2046) > 5 {
		t.Errorf("%f m", got)
	}
}

// The cells of a search miss no place within the distance, and are few.
func TestCellsCoverTheCircle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := Near{Param: "near", Lat: r.Float64()*180 - 90, Long: r.Float64()*360 - 180, Meters: math.Pow(10, r.Float64()*7.4)}
		cover := n.cover()
		if len(cover) > 4 {
			t.Fatalf("%+v has %d cells", n, len(cover))
		}
		lat, long := n.Lat+(r.Float64()*2-1)*n.Meters/111_000, n.Long+(r.Float64()*2-1)*n.Meters/60_000
		if math.Abs(lat) > 90 || math.Abs(long) > 180 || distance(n.Lat, n.Long, lat, long) > n.Meters {
			continue
		}
		key := "near=" + string(cell(lat, long, placeSteps)) + "|"
		if !slices.ContainsFunc(cover, func(c Condition) bool { k := c.(KeyRange); return k.From <= key && key < k.To }) {
			t.Fatalf("%+v misses %f %f: %v", n, lat, long, cover)
		}
	}
}

func TestPlacesKeepTheTextOfTheDocument(t *testing.T) {
	x := held(t, location("a", "52.520", "13.40"))[0].Index
	if !slices.ContainsFunc(x.Keys, func(k string) bool { return strings.HasPrefix(k, "near=") && strings.HasSuffix(k, "|52.520|13.40") }) {
		t.Error(x.Keys)
	}
}
