package main

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const (
	killedCallback = "https://app.example/callback"
	killedVerifier = "a-verifier-of-at-least-forty-three-characters"
)

// killedApp is an app and its user at a server that is killed between their requests.
type killedApp struct {
	*childNode
	t   *testing.T
	dir string
}

// again kills the server with SIGKILL, and starts it on what the disk holds.
func (k *killedApp) again() {
	k.t.Helper()
	if k.childNode != nil {
		k.kill()
	}
	k.childNode = startChild(k.t, k.dir)
}

// runs runs a command on the folder.
func (k *killedApp) runs(args ...string) string {
	k.t.Helper()
	out, err := exec.CommandContext(k.t.Context(), "aceso", append(args, "--data", k.dir)...).Output()
	if err != nil {
		k.t.Fatalf("aceso %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ask posts a form to an endpoint and returns status and answer.
func (k *killedApp) ask(path string, pairs ...string) response {
	k.t.Helper()
	v := url.Values{"client_id": {"app"}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.Server.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := k.Exchange("POST "+path, r)
	if err != nil {
		k.t.Fatal(err)
	}
	return answer
}

func (k *killedApp) redeem(code string) response {
	return k.ask("/oauth/token", "grant_type", "authorization_code", "code", code, "redirect_uri", killedCallback, "code_verifier", killedVerifier)
}

func (k *killedApp) refresh(token any) response {
	text, _ := token.(string)
	return k.ask("/oauth/token", "grant_type", "refresh_token", "refresh_token", text)
}

func (k *killedApp) reads(token any, status int) {
	k.t.Helper()
	text, _ := token.(string)
	user{Node: &k.Node, Token: text}.Get("/Patient/p1").Want(status)
}

var hiddenField = regexp.MustCompile(`<input[^>]* name="([^"]*)"[^>]* value="([^"]*)"`)

// code is what the browser of a patient who signs in and allows everything brings.
func (k *killedApp) code(password string) string {
	k.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	outside := ""
	browser := http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), killedCallback) {
			outside = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page := func(answer *http.Response, err error) string {
		if err != nil {
			k.t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			k.t.Fatal(err)
		}
		return string(body)
	}
	send := func(text, action string, pairs ...string) string {
		_, form, _ := strings.Cut(text, `action="`+action+`"`)
		form, _, _ = strings.Cut(form, "</form>")
		values := url.Values{}
		for _, field := range hiddenField.FindAllStringSubmatch(form, -1) {
			values.Add(field[1], html.UnescapeString(field[2]))
		}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return page(browser.PostForm(k.Server.URL+action, values))
	}
	sum := sha256.Sum256([]byte(killedVerifier))
	asked := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {killedCallback}, "state": {"st"}, "aud": {"http://127.0.0.1/fhir"}, "scope": {"launch/patient offline_access patient/*.rs"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	text := send(page(browser.Get(k.Server.URL+"/ui/authorize?"+asked.Encode())), "/ui/sign-in", "login", "pat", "password", password)
	if !strings.Contains(text, `action="/ui/consent"`) {
		k.t.Fatalf("no consent page:\n%s", text)
	}
	text = send(text, "/ui/consent", "do", "allow")
	u, err := url.Parse(outside)
	if err != nil || u.Query().Get("code") == "" {
		k.t.Fatalf("no code: %q\n%s", outside, text)
	}
	return u.Query().Get("code")
}

// A server that is killed between code and token, and between token and refresh, loses nothing
// that it gave, and gives nothing twice.
func TestKilledBetweenCodeTokenAndRefresh(t *testing.T) {
	k := &killedApp{t: t, dir: t.TempDir()}
	k.again()
	k.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "One")).Want(201)
	k.kill()
	k.runs("client", "add", "app", "--kind", "public", "--redirect", killedCallback, "--scope", "launch/patient offline_access patient/*.rs", "--purpose", "PATRQT")
	password := strings.TrimSpace(k.runs("user", "add", "pat", "--role", "patient", "--patient", "p1", "--random"))
	k.childNode = nil
	k.again()
	code := k.code(password)
	k.again()
	first := k.redeem(code).Want(200).JSON()
	k.again()
	k.reads(first["access_token"], 200)
	next := k.refresh(first["refresh_token"]).Want(200).JSON()
	k.again()
	k.reads(first["access_token"], 200)
	k.reads(next["access_token"], 200)
	last := k.refresh(next["refresh_token"]).Want(200).JSON()
	k.again()
	k.refresh(next["refresh_token"]).Want(400) // a second time: everything ends
	k.again()
	for _, token := range []any{first["access_token"], next["access_token"], last["access_token"]} {
		k.reads(token, 401)
	}
	k.refresh(last["refresh_token"]).Want(400)
	k.redeem(code).Want(400)
	k.terminate()
	if status, out := verifyLog(k.dir); status != 0 {
		t.Errorf("verify log: exit %d\n%s", status, out)
	}
}
