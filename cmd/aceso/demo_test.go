package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demonstration is a demonstration that runs, and what it has printed.
func demonstration(t *testing.T) (printed string, log *syncBuffer) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	log = new(syncBuffer)
	var out syncBuffer
	o := serveOptions{listen: "127.0.0.1:0", demo: true}
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, o, &out, o.logger(log)) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for range 600 {
		if strings.Contains(out.String(), "Other tokens") {
			return out.String(), log
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("printed only:\n%s\n%s", out.String(), log)
	return "", nil
}

// What the demonstration prints works as it is printed, tokens stand in it once, and nothing
// stands between.
func TestDemonstrationWorksAsPrinted(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: the commands need %s", tool)
		}
	}
	printed, log := demonstration(t)
	var commands []string
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "export ") || strings.HasPrefix(line, "curl ") {
			commands = append(commands, strings.TrimSpace(line)+"\necho")
		}
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-c", "set -eu\n"+strings.Join(commands, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"resourceType":"Bundle"`, `"id":"patient-01"`, `"AuditEvent"`} {
		if !strings.Contains(strings.ReplaceAll(string(out), `": `, `":`), want) {
			t.Errorf("the commands do not show %s:\n%s", want, out)
		}
	}
	if n := strings.Count(printed, "eyJ"); n < 2 || len(regexp.MustCompile(`(?m)^export [TP]=eyJ\S+$`).FindAllString(printed, -1)) != 2 || strings.Count(printed, "\n") > 25 {
		t.Errorf("printed:\n%s", printed)
	}
	if log.String() != "" {
		t.Errorf("log lines between: %s", log)
	}
}

// The sample app runs at an origin of its own, and is launched from a record with a value that
// the server has made for it.
func TestSampleAppOfTheDemonstrationIsLaunched(t *testing.T) {
	printed, _ := demonstration(t)
	origin := regexp.MustCompile(`(\S+)/ +a sample app`).FindStringSubmatch(printed)[1]
	server := regexp.MustCompile(`listening on (\S+)`).FindStringSubmatch(printed)[1]
	if origin == server {
		t.Errorf("the app is at the server's own origin %s", server)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Post(origin+"/launch", "application/x-www-form-urlencoded", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	to, err := r.Location()
	if err != nil || r.StatusCode != http.StatusSeeOther || to.Path != "/launch.html" || to.Query().Get("iss") != server+"/fhir" || len(to.Query().Get("launch")) != 43 {
		t.Errorf("%d %v %v", r.StatusCode, to, err)
	}
}

// Each of the users whose password is printed can sign in with it, and only with it.
func TestUsersOfTheDemonstrationSignIn(t *testing.T) {
	printed, _ := demonstration(t)
	origin := regexp.MustCompile(`listening on (\S+)`).FindStringSubmatch(printed)[1]
	for login, at := range map[string]string{"officer": `as officer with (\S+):`, "doctor": `as doctor with (\S+),`, "patient": `as patient with (\S+)`} {
		m := regexp.MustCompile(at).FindStringSubmatch(printed)
		if m == nil {
			t.Fatalf("no password of %s:\n%s", login, printed)
		}
		for password, want := range map[string]string{m[1]: "303", m[1] + "x": "401"} {
			script := fmt.Sprintf(`form=$(curl -s -c jar '%s/ui/sign-in' | grep -o 'name="form" value="[^"]*"' | head -1 | cut -d'"' -f4)
				curl -s -o answer -w '%%{http_code}' -b jar --data-urlencode "form=$form" --data-urlencode login=%s --data-urlencode password=%s '%s/ui/sign-in'`, origin, login, password, origin)
			shell := exec.CommandContext(t.Context(), "bash", "-c", script)
			shell.Dir = os.Getenv("TMPDIR")
			out, err := shell.CombinedOutput()
			if err != nil || string(bytes.TrimSpace(out)) != want {
				t.Errorf("%s: %s, want %s (%v)", login, out, want, err)
			}
		}
	}
}
