package node

import (
	"fmt"
	"net/url"
	"os"
	"testing"
)

// image starts another node on what the disk holds now, as after kill -9: nothing was
// closed, nothing was flushed for it.
func (a *appNode) image(t *testing.T) *appNode {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(string(a.data))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(Folder(dir).keys(), 0o600); err != nil {
		t.Fatal(err)
	}
	return &appNode{testNode: startNode(t, dir), secret: a.secret, key: a.key}
}

// A node that is killed between a code and its token has lost nothing, and gives nothing
// twice: what was acknowledged is there, once.
func TestKilledBetweenCodeAndToken(t *testing.T) {
	a := startAppNode(t)
	code, assertion := a.code(a.authorizationOf("launch/patient offline_access patient/*.rs")), a.assertion("backend")
	t.Run("after the code", func(t *testing.T) {
		b := a.image(t)
		b.T = t
		token := b.with(b.redeem(code).Want(200).JSON()["access_token"])
		token.Get("/Patient/p1").Want(200)
		b.redeem(code).Want(400)
		token.Get("/Patient/p1").Want(401)
	})
	answer := a.redeem(code).Want(200).JSON()
	backend := a.form("/oauth/token", a.backendForm(assertion)).Want(200).JSON()["access_token"]
	t.Run("after the token", func(t *testing.T) {
		b := a.image(t)
		b.T = t
		b.with(answer["access_token"]).Get("/Patient/p1").Want(200)
		b.with(backend).Get("/Patient/p1").Want(200)
		b.form("/oauth/token", b.backendForm(assertion)).Want(401)
		refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {fmt.Sprint(answer["refresh_token"])}, "client_id": {"app"}}
		b.form("/oauth/token", refresh).Want(200)
		b.form("/oauth/token", refresh).Want(400)
		b.with(answer["access_token"]).Get("/Patient/p1").Want(401)
	})
	t.Run("after the end", func(t *testing.T) {
		a.redeem(code).Want(400) // a second time
		b := a.image(t)
		b.T = t
		b.with(answer["access_token"]).Get("/Patient/p1").Want(401)
		b.with(backend).Get("/Patient/p1").Want(200)
	})
}
