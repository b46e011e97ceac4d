package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// The CapabilityStatement says what the route table has, no more and no less.
func TestMetadataIsTheRouteTable(t *testing.T) {
	s := &server{Config: Config{Version: "1", AllowedOrigins: []string{"*"}}, base: "https://x/fhir"}
	body, err := s.capability(time.Unix(0, 0)).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		FhirVersion, Date string
		Rest              []struct {
			Interaction []struct{ Code string }
			Operation   []struct{ Name string }
			Resource    []struct {
				Type        string
				Interaction []struct{ Code string }
				Operation   []struct{ Name string }
				SearchParam []struct{ Name, Type string }
			}
		}
	}
	if err := json.Unmarshal(body, &c); err != nil || c.FhirVersion != "4.0.1" {
		t.Fatalf("%v %s", err, c.FhirVersion)
	}
	stated := map[string]bool{}
	for _, i := range c.Rest[0].Interaction {
		stated[i.Code] = true
	}
	for _, o := range c.Rest[0].Operation {
		stated["$"+o.Name] = true
	}
	for _, r := range c.Rest[0].Resource {
		for _, i := range r.Interaction {
			stated[r.Type+" "+i.Code] = true
		}
		for _, o := range r.Operation {
			stated[r.Type+" $"+o.Name] = true
		}
	}
	wanted := map[string]bool{}
	for _, r := range routes() {
		switch {
		case r.interaction == "" || r.interaction == "capabilities":
		case !strings.Contains(r.path, ":type"):
			wanted[r.interaction] = true
		case r.typ != "":
			wanted[r.typ+" "+r.interaction] = true
		default:
			for _, typ := range fhir.ResourceTypes() {
				writes := r.interaction == "create" || r.interaction == "update" || r.interaction == "patch"
				if typ != auditEvent && (access.Unable(typ) == "" || !writes) {
					wanted[typ+" "+r.interaction] = true
				}
			}
		}
	}
	for want := range wanted {
		if !stated[want] {
			t.Errorf("%s has a route but is not stated", want)
		}
	}
	for have := range stated {
		if !wanted[have] {
			t.Errorf("%s is stated but has no route", have)
		}
	}
	if len(c.Rest[0].Resource) < 140 {
		t.Errorf("%d resource types", len(c.Rest[0].Resource))
	}
	for _, r := range c.Rest[0].Resource {
		names := []string{}
		for _, p := range r.SearchParam {
			names = append(names, p.Name)
		}
		if !slices.Contains(names, "_id") || r.Type == "Observation" && !slices.Contains(names, "code") {
			t.Errorf("%s: %v", r.Type, names)
		}
	}
}

// A limiter forgets clients to stay small, but not the latest.
func TestLimiterIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(1, 1, func() time.Time { return now })
	name := func(i int) string { return strings.Repeat("x", i%7) + time.Duration(i).String() }
	for i := range 5 * maxClients {
		if l.take(name(i), 1, 0) != 0 {
			t.Fatal("first request refused")
		}
		if len(l.clients.young)+len(l.clients.aged) > 2*maxClients {
			t.Fatal("limiter grows")
		}
	}
	if l.take(name(5*maxClients-1), 1, 0) == 0 {
		t.Error("last client forgotten")
	}
}
