package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// clientRun runs `aceso client`.
func clientRun(args ...string) (code int, out, told string) {
	var o, e bytes.Buffer
	code = clientCommand(args, &o, &e)
	return code, o.String(), e.String()
}

func TestClientsAreAddedListedAndRemoved(t *testing.T) {
	data := served(t)
	app := []string{"add", "growth", "--data", data, "--redirect", "https://app.example/callback", "--scope", "launch/patient openid patient/*.rs", "--purpose", "TREAT"}
	code, out, told := clientRun(app...)
	if code != exitOK || out != "" || !strings.Contains(told, "recorded: hospital/n1/changes.0/") {
		t.Fatalf("exit %d: %s %s", code, out, told)
	}
	if code, _, told := clientRun(app...); code != exitFailed || !strings.Contains(told, "there is a client with this id") {
		t.Errorf("twice: exit %d: %s", code, told)
	}
	code, secret, _ := clientRun("add", "portal", "--data", data, "--kind", "symmetric", "--redirect", "https://portal.example/cb", "--scope", "openid")
	if code != exitOK || len(strings.TrimSpace(secret)) != 43 {
		t.Errorf("symmetric: exit %d: %q", code, secret)
	}
	for name, bad := range map[string][]string{
		"no redirect": {"add", "x", "--data", data, "--scope", "openid"}, "http": {"add", "x", "--data", data, "--scope", "openid", "--redirect", "http://app.example/"},
		"fragment": {"add", "x", "--data", data, "--scope", "openid", "--redirect", "https://app.example/#x"}, "unknown scope": {"add", "x", "--data", data, "--scope", "everything", "--redirect", "https://app.example/"},
		"logo":                 {"add", "x", "--data", data, "--scope", "openid", "--redirect", "https://app.example/", "--logo", "http://app.example/logo.png"},
		"contact":              {"add", "x", "--data", data, "--scope", "openid", "--redirect", "https://app.example/", "--contact", "it\u202e@app.example"},
		"backend without keys": {"add", "x", "--data", data, "--scope", "system/*.rs", "--backend"},
	} {
		if code, _, told := clientRun(bad...); code != exitFailed || told == "" {
			t.Errorf("%s: exit %d: %s", name, code, told)
		}
	}
	if code, _, told := clientRun("disable", "growth", "--data", data); code != exitOK {
		t.Errorf("disable: exit %d: %s", code, told)
	}
	code, out, _ = clientRun("list", "--data", data)
	if code != exitOK || !strings.Contains(out, "growth") || !strings.Contains(out, "disabled") || strings.Contains(out, strings.TrimSpace(secret)) {
		t.Errorf("list: exit %d: %s", code, out)
	}
	if code, out, _ := clientRun("invite", "--data", data, "--scope", "openid patient/*.rs"); code != exitOK || len(strings.TrimSpace(out)) != 43 {
		t.Errorf("invite: exit %d: %s", code, out)
	}
	if code, _, told := clientRun("remove", "growth", "--data", data); code != exitOK {
		t.Errorf("remove: exit %d: %s", code, told)
	}
	if code, _, told := clientRun("remove", "growth", "--data", data); code != exitFailed || !strings.Contains(told, "no such client") {
		t.Errorf("remove twice: exit %d: %s", code, told)
	}
	if code, _, _ := clientRun("forget", "growth", "--data", data); code != exitUsage {
		t.Errorf("unknown word: exit %d", code)
	}
}

// The commands of docs/smart.md work as they are written, on a folder that was served.
func TestDocumentedClientsWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/smart.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1"}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "keys.json"), keys, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, ran := served(t), 0
	for line := range strings.Lines(string(text)) {
		words, ok := strings.CutPrefix(strings.TrimSpace(line), "aceso client ")
		if !ok {
			continue
		}
		var args []string
		for i, part := range strings.Split(words, "'") {
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		for i := range args {
			args[i] = strings.NewReplacer("DIR", data, "keys.json", filepath.Join(dir, "keys.json")).Replace(args[i])
		}
		if code, _, told := clientRun(args...); code != exitOK {
			t.Errorf("%s: exit %d: %s", line, code, told)
		}
		ran++
	}
	if ran < 7 {
		t.Errorf("%d commands ran", ran)
	}
}
