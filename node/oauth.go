package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/server"
)

// apps makes the authorization server of this node.
func (n *Node) apps(base string, a *auth.Authenticator) (server.Authorization, error) {
	site, err := pagesOf(base)
	if err != nil {
		return server.Authorization{}, err
	}
	keys := idKeys{ring: n.ring}
	keys.made = sync.OnceValues(keys.make)
	fetcher := n.published()
	s := oauth.New(oauth.Config{
		Keeper: gateRows{keptRows{n.store}, n.gate}, Issuer: site, Base: base, TokenURL: site + server.PathToken, Style: site + server.PathStyle, Organization: n.organization,
		Enforceable: func(s agent.Scope) error { return n.gate.CheckScope(&s) },
		Mint:        n.mint, Open: a.Open, IDKey: keys.newest, Now: time.Now,
		Keys: func(ctx context.Context, from jwks.Source, kid string) ([]jose.JSONWebKey, error) {
			set, err := fetcher.From(from)
			if err != nil {
				return nil, err
			}
			return set.Keys(ctx, kid)
		},
	})
	n.authorization = server.Authorization{Server: s, KeySet: func() ([]byte, error) { return keys.set() }}
	return n.authorization, nil
}

// mint signs an access token as the built-in issuer.
func (n *Node) mint(c auth.Claims) (string, error) {
	id, private, err := n.ring.Signer(keyring.Issuer)
	if err != nil {
		return "", err
	}
	c.Issuer, c.Audience = n.identity.issuer(), []string{n.identity.BaseURL}
	return auth.Mint(c, auth.SigningKey{ID: id, Private: private})
}

// idKeys are the RSA keys of id_tokens, made when they are first needed.
type idKeys struct {
	ring *keyring.Ring
	made func() ([]oauth.IDKey, error)
}

func (k *idKeys) make() (all []oauth.IDKey, err error) {
	for _, key := range k.ring.Keys(keyring.IDTokens) {
		private, err := key.RSA()
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", key.ID, err)
		}
		all = append(all, oauth.IDKey{ID: key.ID, Private: private})
	}
	return all, nil
}

// newest signs now.
func (k *idKeys) newest() (oauth.IDKey, error) {
	all, err := k.made()
	if err == nil && len(all) == 0 {
		err = errors.New("the keyring has no key for id_tokens: start the node anew")
	}
	if err != nil {
		return oauth.IDKey{}, err
	}
	return all[0], nil
}

// set is the JWKS: the keys of id_tokens, and those of access tokens beside them.
func (k *idKeys) set() ([]byte, error) {
	all, err := k.made()
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	for _, key := range all {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Private.Public(), KeyID: key.ID, Algorithm: string(jose.RS256), Use: "sig"})
	}
	for _, key := range k.ring.Keys(keyring.Issuer) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: key.ID, Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return json.Marshal(set)
}

// sweepEvery is how often rows that have expired are removed, sweepAtOnce how many in one
// transaction.
const (
	sweepEvery  = 10 * time.Second
	sweepAtOnce = 2000
)

// sweep removes what the authorization server kept and has expired. Nothing waits for it:
// an expired row counts as absent.
func (n *Node) sweep(ctx context.Context) {
	for range every(ctx, sweepEvery) {
		for swept := sweepAtOnce; swept == sweepAtOnce && ctx.Err() == nil; {
			var err error
			if swept, err = n.store.SweepKept(ctx, sweepAtOnce); err != nil && ctx.Err() == nil {
				n.log.Warn("expired codes, tokens and grants could not be removed", "error", err)
			}
		}
	}
}

// ChangeClients lets an operator change or list the clients of a folder that is not being
// served, or of the database that its node shares. It returns the receipts of the records.
func ChangeClients(ctx context.Context, data Folder, database Database, change func(*oauth.Server, *kept.Call, agent.Agent) error) (receipts []string, err error) {
	return operate(ctx, data, database, func(r *records, call *kept.Call, base string) error {
		return change(r.clients(base), call, operatorOf("aceso client"))
	})
}

// clients is the registry of clients as operators change it. It fetches no keys.
func (r *records) clients(base string) *oauth.Server {
	noKeys := func(context.Context, jwks.Source, string) ([]jose.JSONWebKey, error) { return nil, jwks.ErrUnavailable }
	return oauth.New(oauth.Config{Keeper: operatorRows{keptRows{r.store}, r}, Base: base, Organization: r.organization, Keys: noKeys, Now: time.Now})
}

// AddClient registers a client as an operator, for trials. ErrExists is no error.
func (n *Node) AddClient(ctx context.Context, c oauth.Client) (secret string, err error) {
	secret, err = n.clients(n.identity.BaseURL).AddClient(ctx, new(kept.Call), operatorOf("aceso serve"), c)
	if errors.Is(err, oauth.ErrExists) {
		err = nil
	}
	return secret, err
}

// ReplaceClient registers a client as an operator, in place of what was registered under its
// id before.
func (n *Node) ReplaceClient(ctx context.Context, c oauth.Client) error {
	err := n.clients(n.identity.BaseURL).RemoveClient(ctx, new(kept.Call), operatorOf("aceso serve"), c.ID)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	_, err = n.AddClient(ctx, c)
	return err
}
