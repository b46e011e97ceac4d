package quorum

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
)

func officer(subject string) agent.Agent {
	return agent.Agent{Subject: subject, Role: agent.PrivacyOfficer, Organization: "hospital"}
}

func house(t *testing.T) *Quorum {
	t.Helper()
	return &Quorum{Keeper: kepttest.New(time.Now), House: "hospital", Now: time.Now}
}

func refuses(err error) bool {
	var e *fhir.Error
	return errors.As(err, &e) && e.Kind == fhir.Forbidden
}

// Another officer of the house is the second person; the same one is not, however she
// comes, nor is somebody of another house.
func TestTheSecondPersonIsAnotherOfficerOfTheHouse(t *testing.T) {
	q := house(t)
	first, other := officer("Practitioner/a"), officer("Practitioner/b")
	if p, err := q.Second(t.Context(), first.Person(), other); err != nil || p.Subject != "Practitioner/b" {
		t.Error(p, err)
	}
	again, guest, nobody := first, other, agent.Agent{Role: agent.PrivacyOfficer, Organization: "hospital"}
	again.Token, again.Client, again.Name, again.Issuer = "second", "other", "Renamed", "https://idp"
	guest.Organization = "elsewhere"
	for name, a := range map[string]agent.Agent{"the author": again, "a guest": guest, "nobody": nobody} {
		if _, err := q.Second(t.Context(), first.Person(), a); !refuses(err) {
			t.Errorf("%s approves: %v", name, err)
		}
	}
}

// What the gate knows of a practitioner counts: a token of the own role is of the same person.
func TestTheSecondPersonIsLookedUp(t *testing.T) {
	q := house(t)
	q.People = func(_ context.Context, a agent.Agent) (agent.Person, error) {
		if a.Subject == "PractitionerRole/r" {
			return a.Person().With("Practitioner/a"), nil
		}
		return a.Person(), nil
	}
	first := officer("Practitioner/a")
	if _, err := q.Second(t.Context(), first.Person(), officer("PractitionerRole/r")); !refuses(err) {
		t.Errorf("the own role approves: %v", err)
	}
	q.People = func(context.Context, agent.Agent) (agent.Person, error) { return agent.Person{}, errors.New("down") }
	if _, err := q.Second(t.Context(), first.Person(), officer("Practitioner/b")); err == nil {
		t.Error("somebody approves while nobody knows who it is")
	}
}

// The deputy of a house approves what its officer asks for; nobody else does, not after the
// end, and no deputy approves the own work.
func TestTheDeputyIsASecondPerson(t *testing.T) {
	q := house(t)
	call, operator := new(kept.Call), agent.Agent{Subject: "aceso policy", Role: agent.System}
	first := officer("Practitioner/a").Person()
	chief := agent.Agent{Subject: "Practitioner/c", Role: agent.Practitioner, Organization: "hospital"}
	if _, err := q.Second(t.Context(), first, chief); !refuses(err) {
		t.Errorf("before there is a deputy: %v", err)
	}
	if err := q.Name(t.Context(), call, operator, "Practitioner/c"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Second(t.Context(), first, chief); err != nil {
		t.Error(err)
	}
	if _, err := q.Second(t.Context(), chief.Person(), chief); !refuses(err) {
		t.Errorf("the deputy approves the own work: %v", err)
	}
	nurse := chief
	nurse.Subject = "Practitioner/n"
	if _, err := q.Second(t.Context(), first, nurse); !refuses(err) {
		t.Errorf("who is not the deputy approves: %v", err)
	}
	if err := q.Name(t.Context(), call, operator, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Second(t.Context(), first, chief); !refuses(err) {
		t.Errorf("who was the deputy approves: %v", err)
	}
	events := q.Keeper.(*kepttest.Memory).Events
	if len(events) != 2 || events[0].Detail != "deputy=Practitioner%2Fc" || len(call.Receipts) != 2 {
		t.Errorf("recorded: %+v", events)
	}
}
