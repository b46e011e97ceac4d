package server_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// What HTTP costs on top of the gate.
func BenchmarkRead(b *testing.B) {
	g := &fakeGate{body: patient1}
	c := server.Config{Gate: forgetful{g}, BaseURL: base, Authenticate: authenticate, Logger: slog.New(slog.DiscardHandler)}
	atEase(&c)
	h := server.New(c)
	r := httptest.NewRequest("GET", "/fhir/Patient/1", nil)
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Accept", "application/fhir+json")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
