package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// benchApps is a node with apps, without a network in between.
func benchApps(b *testing.B) *appNode {
	b.Helper()
	a := &appNode{testNode: startNode(b, b.TempDir())}
	twoPatients(a.testNode)
	a.register()
	return a
}

// post sends a form to the handler itself.
func (a *appNode) post(path string, form url.Values) (status int, body []byte) {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.node.handler.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// Token requests of a backend: an ES384 assertion is verified, its jti kept, a grant made,
// and all of it recorded.
func BenchmarkBackendTokens(b *testing.B) {
	a := benchApps(b)
	assertions := make([]string, b.N)
	for i := range assertions {
		assertions[i] = a.assertion("backend")
	}
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if status, body := a.post("/oauth/token", a.backendForm(assertions[next.Add(1)-1])); status != 200 {
				b.Errorf("%d %s", status, body)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// Whole code flows: request checked, approved, code redeemed, the token used for a read.
func BenchmarkCodeFlows(b *testing.B) {
	a := benchApps(b)
	s := a.node.authorization.Server
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := s.Request(b.Context(), &kept.Call{}, a.authorizationOf("launch/patient openid fhirUser offline_access patient/*.rs"))
			if err != nil {
				b.Error(err)
				return
			}
			redirect, err := s.Approve(b.Context(), &kept.Call{}, r, appDoctor, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT", Patient: "Patient/p1"})
			if err != nil {
				b.Error(err)
				return
			}
			u, _ := url.Parse(redirect)
			status, body := a.post("/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {appCallback}, "client_id": {"app"}, "code_verifier": {appVerifier}})
			var answer oauth.Answer
			if status != 200 || json.Unmarshal(body, &answer) != nil {
				b.Errorf("%d %s", status, body)
			}
			if status := a.reads(answer.AccessToken); status != 200 {
				b.Errorf("read: %d", status)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "flows/s")
}

func (a *appNode) reads(token string) int {
	r := httptest.NewRequest(http.MethodGet, "/fhir/Patient/p1", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	a.node.handler.ServeHTTP(w, r)
	return w.Code
}

// A read with a token that rests on a grant, and with one that does not.
func BenchmarkReadByGrant(b *testing.B) {
	a := benchApps(b)
	tokens := map[string]string{"without": a.as("practitioner", "TREAT").Token}
	s := a.node.authorization.Server
	r, err := s.Request(b.Context(), &kept.Call{}, a.authorizationOf("user/*.rs"))
	if err != nil {
		b.Fatal(err)
	}
	redirect, err := s.Approve(b.Context(), &kept.Call{}, r, appDoctor, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT"})
	if err != nil {
		b.Fatal(err)
	}
	u, _ := url.Parse(redirect)
	_, body := a.post("/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {appCallback}, "client_id": {"app"}, "code_verifier": {appVerifier}})
	var answer oauth.Answer
	if err := json.Unmarshal(body, &answer); err != nil {
		b.Fatal(err)
	}
	tokens["by a grant"] = answer.AccessToken
	for _, name := range []string{"without", "by a grant", "without", "by a grant"} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			b.SetParallelism(16)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if status := a.reads(tokens[name]); status != 200 {
						b.Errorf("%d", status)
					}
				}
			})
		})
	}
}
