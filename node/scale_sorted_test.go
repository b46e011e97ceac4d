package node

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// afterLast asks the store for what comes after the last value.
func afterLast(b *testing.B, n *testNode, list string) func() error {
	typ, query, _ := strings.Cut(list, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		b.Fatal(err)
	}
	var params []fhir.Param
	for name := range values {
		params = append(params, fhir.Param{Name: name, Value: values.Get(name)})
	}
	q, err := search.ParseQuery(typ, params, search.QueryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	s := store.Search{Query: q, Limit: 20}
	first, err := n.node.store.Search(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	var at map[string]any
	if err := json.Unmarshal(first.Next, &at); err != nil {
		b.Fatal(err)
	}
	if at["v"] = [][]byte{[]byte("\U0010FFFF")}; q.Sort[0].Desc {
		at["v"] = [][]byte{{}}
	}
	if s.After, err = json.Marshal(at); err != nil {
		b.Fatal(err)
	}
	return func() error {
		_, err := n.node.store.Search(context.Background(), s)
		return err
	}
}
