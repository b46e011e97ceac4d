package server_test

import (
	"net/http/httptest"
	"testing"

	"github.com/aceso-health/aceso/server"
)

// What HTTP costs on top of the gate.
func BenchmarkRead(b *testing.B) {
	g := &fakeGate{body: patient1}
	h := server.New(server.Config{Gate: forgetful{g}, BaseURL: base, Authenticate: authenticate})
	r := httptest.NewRequest("GET", "/fhir/Patient/1", nil)
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Accept", "application/fhir+json")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
