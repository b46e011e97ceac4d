package engine

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/canonical"
)

// Register is the master data of those who take part: keys, persons, sites, loggers. It is
// an input of Apply, and signed and kept elsewhere.
type Register struct {
	Keys    []Key    `json:"keys"`
	Persons []Person `json:"persons"`
	Sites   []Site   `json:"sites"`
	Loggers []Logger `json:"loggers"`

	keys    map[string]*Key
	persons map[string]*Person
	sites   map[string]*Site
	loggers map[string]*Logger
	hash    Hash
}

// Key of an organisation: ECDSA on P-256, or Ed25519.
type Key struct {
	ID           string `json:"id"`
	Organisation string `json:"organisation"`
	Public       []byte `json:"public"`            // PKIX, DER
	Revoked      int64  `json:"revoked,omitempty"` // since when; 0: it is not

	ecdsa   *ecdsa.PublicKey
	ed25519 ed25519.PublicKey
}

// Person who is enrolled by an organisation.
type Person struct {
	ID           string   `json:"id"`
	Organisation string   `json:"organisation"`
	Roles        []string `json:"roles"`
	Until        int64    `json:"until,omitempty"` // 0: not limited
}

// Site is a place with a fence, in millionths of a degree: a box, because integers give the
// same answer on every machine.
type Site struct {
	ID           string `json:"id"`
	Organisation string `json:"organisation"`
	South        int64  `json:"south"`
	North        int64  `json:"north"`
	West         int64  `json:"west"`
	East         int64  `json:"east"`
}

// Logger measures temperature and place. Bound is the journey and bag ("JOURNEY/BAG") in
// which it is at work elsewhere, as the keeper of the register knows.
type Logger struct {
	ID         string `json:"id"`
	Calibrated int64  `json:"calibrated"` // until when
	Bound      string `json:"bound,omitempty"`
}

// ReadRegister reads and prepares a register.
func ReadRegister(text []byte) (*Register, error) {
	r := &Register{}
	if err := strict(text, r); err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	return r, r.Prepare()
}

// Prepare makes a register ready, and says what is wrong with it. It is called once, before
// the first Apply.
func (r *Register) Prepare() (err error) {
	if r.keys, err = index(r.Keys, func(k *Key) string { return k.ID }); err != nil {
		return err
	}
	if r.persons, err = index(r.Persons, func(p *Person) string { return p.ID }); err != nil {
		return err
	}
	if r.sites, err = index(r.Sites, func(s *Site) string { return s.ID }); err != nil {
		return err
	}
	if r.loggers, err = index(r.Loggers, func(l *Logger) string { return l.ID }); err != nil {
		return err
	}
	for i := range r.Keys {
		if err := r.Keys[i].prepare(); err != nil {
			return err
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	form, err := canonical.JSON(text)
	r.hash = sha256.Sum256(form)
	return err
}

func index[T any](list []T, id func(*T) string) (map[string]*T, error) {
	m := make(map[string]*T, len(list))
	for i := range list {
		key := id(&list[i])
		if m[key] != nil || key == "" {
			return nil, fmt.Errorf("register: %T %q comes twice or has no id", list[i], key)
		}
		m[key] = &list[i]
	}
	return m, nil
}

func (k *Key) prepare() error {
	public, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return fmt.Errorf("register: key %s: %w", k.ID, err)
	}
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		if p.Curve.Params().BitSize == 256 {
			k.ecdsa = p
			return nil
		}
	case ed25519.PublicKey:
		k.ed25519 = p
		return nil
	}
	return errors.New("register: key " + k.ID + " is neither P-256 nor Ed25519")
}

// enrolled says whether a person of an organisation has a role at a time.
func (r *Register) enrolled(person, organisation, role string, at int64) bool {
	p := r.persons[person]
	if p == nil || p.Organisation != organisation || p.Until != 0 && at > p.Until {
		return false
	}
	for _, has := range p.Roles {
		if has == role {
			return true
		}
	}
	return false
}
