package node

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
)

// What an app was given on one node counts on all, and what ends on one has ended on all
// with the next request: whether that reads rows or none, at once and again and again.
func TestGrantsOfAllNodes(t *testing.T) {
	c := newCluster(t, 2)
	one := &appNode{testNode: c.nodes[0]}
	twoPatients(one.testNode)
	one.register()
	two := &appNode{testNode: c.nodes[1], secret: one.secret, key: one.key}
	for round := range 4 {
		here, there := one, two
		if round%2 == 1 {
			here, there = two, one
		}
		code := here.code(here.authorizationOf("launch/patient offline_access patient/*.rs"))
		answer := there.redeem(code).Want(200).JSON()
		token := fmt.Sprint(answer["access_token"])
		for _, n := range []*appNode{here, there, here} {
			n.with(token).Get("/Patient/p1").Want(200)
			n.with(token).Get("/Observation?patient=nobody").Want(200)
		}
		switch round {
		case 0, 1:
			here.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {token}}).Want(200)
		case 2:
			here.redeem(code).Want(400)
		case 3:
			v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {fmt.Sprint(answer["refresh_token"])}, "client_id": {"app"}}
			here.form("/oauth/token", v).Want(200)
			there.form("/oauth/token", v).Want(400)
		}
		there.with(token).Get("/Observation?patient=nobody").Want(401)
		there.with(token).Get("/Patient/p1").Want(401)
		here.with(token).Get("/Patient/p1").Want(401)
	}
	c.whole()
}

// A code, and an assertion, that both nodes get at the same moment counts once.
func TestCodesOfAllNodesCountOnce(t *testing.T) {
	c := newCluster(t, 2)
	one := &appNode{testNode: c.nodes[0]}
	twoPatients(one.testNode)
	one.register()
	two := &appNode{testNode: c.nodes[1], secret: one.secret, key: one.key}
	code, assertion := one.code(one.authorizationOf("launch/patient patient/*.rs")), one.assertion("backend")
	var mu sync.Mutex
	var wait sync.WaitGroup
	won := map[string]int{}
	for i := range 8 {
		n := []*appNode{one, two}[i%2]
		wait.Go(func() {
			r := n.redeem(code)
			b := n.form("/oauth/token", n.backendForm(assertion))
			mu.Lock()
			defer mu.Unlock()
			if r.Status == 200 {
				won["code"]++
			}
			if b.Status == 200 {
				won["assertion"]++
			}
		})
	}
	wait.Wait()
	if won["code"] != 1 || won["assertion"] != 1 {
		t.Errorf("tokens: %v", won)
	}
	c.whole()
}
