package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/purge"
)

// killedPurge is a house whose server is killed while it removes a patient.
type killedPurge struct {
	*childNode
	t   *testing.T
	dir string
	id  string
}

// again kills the server with SIGKILL, if it runs, and starts it on what the disk holds.
func (k *killedPurge) again() {
	k.t.Helper()
	if k.childNode != nil {
		k.kill()
	}
	k.childNode = startChild(k.t, k.dir)
}

func (k *killedPurge) ask(subject, method, path, body string) response {
	k.t.Helper()
	r, err := http.NewRequestWithContext(k.t.Context(), method, k.Server.URL+path, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	officer := k.as("privacy-officer", "HOPERAT", func(g *node.Grant) { g.Subject = "Practitioner/" + subject })
	r.Header.Set("Authorization", "Bearer "+officer.Token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := k.Exchange(method+" "+path, r)
	if err != nil {
		k.t.Fatal(err)
	}
	return answer
}

func (k *killedPurge) now() (p purge.Purge) {
	k.t.Helper()
	if err := json.Unmarshal(k.ask("one", "GET", "/admin/purges/"+k.id, "").Want(200).Body, &p); err != nil {
		k.t.Fatal(err)
	}
	return p
}

func (k *killedPurge) until(what string, reached func(purge.Purge) bool) (p purge.Purge) {
	k.t.Helper()
	nodetest.Until(k.t, what, func() bool {
		p = k.now()
		return reached(p)
	})
	return p
}

// whole holds that each resource is there as it was, or gone: nothing in between.
func (k *killedPurge) whole(n int) {
	k.t.Helper()
	doctor := k.as("practitioner", "TREAT")
	for i := range n {
		switch r := doctor.Get(fmt.Sprintf("/Observation/o%d", i)); {
		case r.Status == 410:
		case r.Status != 200 || !r.Has(fmt.Sprintf(`"valueString":"weight %d"`, i)):
			k.t.Errorf("Observation/o%d between the steps: %d %.200s", i, r.Status, r.Body)
		}
	}
}

// A purge whose server is killed, before it begins, in the middle, and after it has ended,
// goes on after each restart, shows nothing by halves, and ends with a certificate that
// verifies offline.
func TestAPurgeSurvivesKills(t *testing.T) {
	const n = 350
	k := &killedPurge{t: t, dir: t.TempDir()}
	k.again()
	system := k.as("system", "HOPERAT")
	system.Put("/Patient/p1", patientJSON("p1", "Quagmire")).Want(201)
	var entries []string
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"resource":{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"w"},"subject":{"reference":"Patient/p1"},"valueString":"weight %d"},"request":{"method":"PUT","url":"Observation/o%d"}}`, i, i, i))
	}
	system.Post("", `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`).Want(200)
	var p purge.Purge
	if err := json.Unmarshal(k.ask("one", "POST", "/fhir/Patient/p1/$purge", `{"reason":"she asked"}`).Want(202).Body, &p); err != nil {
		t.Fatal(err)
	}
	k.id = p.ID
	k.again()
	p = k.until("it can be approved", func(p purge.Purge) bool { return p.State == purge.Asked })
	k.ask("two", "POST", "/admin/purges/"+p.ID+"/approve", fmt.Sprintf(`{"digest":%q}`, p.Preview.Digest)).Want(200)
	k.again()
	k.whole(n)
	for least := 1; least <= 201; least += 200 {
		k.until("some has gone", func(p purge.Purge) bool { return p.Gone.Versions >= least || p.State == purge.Done })
		k.again()
		k.whole(n)
	}
	p = k.until("it is done", func(p purge.Purge) bool { return p.State == purge.Done })
	if p.Gone.Resources != n+1 || p.Gone.Versions != n+1 {
		t.Errorf("gone: %+v", p.Gone)
	}
	k.again()
	k.whole(n)
	cert := k.ask("one", "GET", "/admin/purges/"+p.ID+"/certificate", "").Want(200).Body
	k.kill()
	if code, out := verifyLog(k.dir); code != 0 {
		t.Errorf("verify log: exit %d\n%s", code, out)
	}
	certified(t, k.dir, cert)
}

// certified holds that a certificate verifies without its server, and no other text does.
func certified(t *testing.T, dir string, cert []byte) {
	t.Helper()
	var keys, said bytes.Buffer
	if code := run([]string{"verify", "keys", "--data", dir}, &keys, &said); code != 0 {
		t.Fatal(&said)
	}
	key := strings.Fields(keys.String())[0]
	verify := func(text []byte) (int, string) {
		path := filepath.Join(t.TempDir(), "certificate.txt")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code := run([]string{"verify", "--key", key, "certificate", path}, &out, &out)
		return code, out.String()
	}
	if code, out := verify(cert); code != 0 || !strings.Contains(out, "records are proved") || strings.Contains(out, "; 0 records") {
		t.Errorf("the certificate: exit %d\n%s\n%s", code, out, cert)
	}
	for at := 0; at < len(cert); at += 1 + len(cert)/40 {
		changed := bytes.Clone(cert)
		if changed[at] ^= 1; changed[at] == '\n' || cert[at] == '\n' {
			continue
		}
		if code, out := verify(changed); code != exitTampered {
			t.Errorf("byte %d changed: exit %d %s", at, code, out)
		}
	}
}
