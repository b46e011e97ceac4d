package app_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/demo/app"
)

func get(t *testing.T, h http.Handler, method, path string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

// The app loads what is its own, and speaks to the FHIR server only.
func TestPagesAreServedWithAPolicy(t *testing.T) {
	h := app.Handler(app.Config{Base: "http://127.0.0.1:8080/fhir"})
	for path, want := range map[string]string{"/": "Sample app", "/launch.html": "app.js", "/hospital.html": "/launch", "/app.js": "use strict", "/app.css": ":root", "/config.json": `"client":"sample-app"`} {
		r, body := get(t, h, "GET", path)
		if r.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, r.StatusCode, body)
		}
		if p := r.Header.Get("Content-Security-Policy"); !strings.Contains(p, "connect-src 'self' http://127.0.0.1:8080;") || !strings.Contains(p, "frame-ancestors 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: %s", path, p)
		}
	}
	if r, _ := get(t, h, "GET", "/app.go"); r.StatusCode != 404 {
		t.Errorf("/app.go: %d", r.StatusCode)
	}
}

func TestLaunchLeadsToTheApp(t *testing.T) {
	launch := func(_ *http.Request, patient, encounter string) (string, error) { return patient + encounter, nil }
	r, _ := get(t, app.Handler(app.Config{Base: "http://h/fhir", Patient: "p", Encounter: "e", Launch: launch}), "POST", "/launch")
	if r.StatusCode != 303 || r.Header.Get("Location") != "/launch.html?iss=http%3A%2F%2Fh%2Ffhir&launch=pe" {
		t.Errorf("%d %s", r.StatusCode, r.Header.Get("Location"))
	}
	refused := func(*http.Request, string, string) (string, error) { return "", errors.New("no") }
	if r, _ := get(t, app.Handler(app.Config{Launch: refused}), "POST", "/launch"); r.StatusCode != 502 {
		t.Errorf("refused: %d", r.StatusCode)
	}
}
