package emergency

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Declare declares that a patient ("Patient/1") is in an emergency, for some time from now.
// Whether there is such a patient is not looked at, so that the answer does not tell.
func (d *Desk) Declare(ctx context.Context, call *kept.Call, who agent.Agent, patient, reason string, length time.Duration) (Case, error) {
	reason = strings.TrimSpace(reason)
	if err := declarable(patient, reason, length); err != nil {
		return Case{}, d.refused(ctx, call, who, patient, err)
	}
	running, err := d.Running(ctx, who)
	if err != nil {
		return Case{}, err
	}
	if len(running) >= MostRunning {
		return Case{}, d.refused(ctx, call, who, patient, Error(fmt.Sprintf("You have %d emergencies running, and no more are possible. End one that is over.", MostRunning)))
	}
	now := d.Now().UTC().Truncate(time.Second)
	one := Case{
		ID: newID(now), Patient: patient, Reason: reason, By: who.Person(), Client: who.Client,
		Declared: now, Until: now.Add(length), Key: who.Mark() + "." + strings.TrimPrefix(patient, "Patient/"),
	}
	value, err := json.Marshal(one)
	if err != nil {
		return Case{}, err
	}
	detail := url.Values{"emergency": {one.ID}, "until": {one.Until.Format(time.RFC3339)}, "reason": {reason}}
	err = d.Keeper.Commit(ctx, call, kept.Event{Interaction: "break-glass", Agent: who, Detail: detail.Encode(), Patient: patient},
		kept.Row{Space: runningSpace, Key: one.Key, Value: value, Expires: one.Until}, kept.Row{Space: caseSpace, Key: one.ID, Value: value})
	if errors.Is(err, kept.ErrChanged) {
		return Case{}, d.refused(ctx, call, who, patient, Error("You have declared an emergency for this patient already, and it is running. End it first, or wait for its end."))
	}
	return one, err
}

// refused records a declaration that was none, if the policy lets the caller declare.
func (d *Desk) refused(ctx context.Context, call *kept.Call, who agent.Agent, patient string, why error) error {
	e := kept.Event{Interaction: "break-glass", Agent: who}
	if isPatient(patient) {
		e.Patient = patient
	}
	return d.inVain(ctx, call, e, why)
}

func declarable(patient, reason string, length time.Duration) error {
	switch {
	case !isPatient(patient):
		return Error("Name the patient, as in Patient/1.")
	case length <= 0 || length > Longest:
		return Error(fmt.Sprintf("An emergency lasts %.0f hours at most, and more than no time.", Longest.Hours()))
	}
	return readable(reason, "the reason")
}

// readable refuses a text that says nothing, or cannot be shown.
func readable(text, what string) error {
	switch {
	case strings.IndexFunc(text, unicode.IsLetter) < 0:
		return Error("Write " + what + ", in words.")
	case len(text) > MostText || !utf8.ValidString(text):
		return Error(fmt.Sprintf("Write %s in at most %d bytes of text.", what, MostText))
	}
	return nil
}

func isPatient(ref string) bool {
	r, err := fhir.ParseRef(ref)
	return err == nil && r.Type == "Patient"
}

// newID begins with the time, so that cases are listed in their order.
func newID(now time.Time) string {
	var bits [6]byte
	rand.Read(bits[:])
	return idTime(now) + "-" + hex.EncodeToString(bits[:])
}

// idTime is how the id of a case begins: cases are in the order of their declaration.
func idTime(at time.Time) string { return at.UTC().Format("20060102T150405Z") }
