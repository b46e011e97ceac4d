// Package app is the sample app of `serve --demo`: a few static pages that launch like any
// SMART app, from a list of apps, or from the record of a patient.
//
// It is served at an origin of its own, as an app of somebody else would be, and has no way
// to data but the one that the user gives it. It knows nothing of how the server works.
package app

import (
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

//go:embed *.html *.js *.css
var files embed.FS

// ClientID is what the app is registered as.
const ClientID = "sample-app"

// Scopes are what the app may ask for.
func Scopes() []string {
	return []string{"openid", "fhirUser", "launch", "launch/patient", "online_access", "patient/Patient.r", "patient/Observation.rs", "patient/Condition.rs"}
}

// Config is what the app has to know.
type Config struct {
	Base string // the FHIR base
	// Launch begins a launch from the record of a patient, as an EHR does, and returns the
	// opaque value of it.
	Launch func(r *http.Request, patient, encounter string) (string, error)
	// Patient and Encounter are those of the record that the launch page shows.
	Patient, Encounter string
}

// Handler serves the pages.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"base": c.Base, "client": ClientID, "scope": strings.Join(Scopes(), " ")})
	})
	mux.HandleFunc("POST /launch", c.launch)
	return guarded(c.Base, mux)
}

// launch is what the hospital's system does when somebody opens the app from a record.
func (c Config) launch(w http.ResponseWriter, r *http.Request) {
	launch, err := c.Launch(r, c.Patient, c.Encounter)
	if err != nil {
		http.Error(w, "The launch was refused.", http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/launch.html?"+url.Values{"iss": {c.Base}, "launch": {launch}}.Encode(), http.StatusSeeOther)
}

// guarded lets the pages load what is theirs, and speak to the FHIR server only.
func guarded(base string, next http.Handler) http.Handler {
	there := ""
	if u, err := url.Parse(base); err == nil {
		there = u.Scheme + "://" + u.Host
	}
	policy := "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' " + there + "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
