package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// VerifyVersion compares the stored bytes of a version with its change entry and
// returns a Parameters resource: result is ok, tampered or incomplete.
func (g *Gate) VerifyVersion(ctx context.Context, c *Call, ref fhir.Ref, version int64) ([]byte, error) {
	return answer(ctx, g, c, func(r *review) ([]byte, error) { return r.verifyVersion(ctx, ref, version) })
}

// verifyVersion also compares tombstones, which read answers as gone.
func (r *review) verifyVersion(ctx context.Context, ref fhir.Ref, version int64) ([]byte, error) {
	q := question{"verify", "r", ref.Type}
	r.entry.Target, r.entry.Version = ref.String(), version
	if _, err := r.ask(ctx, q); err != nil {
		return nil, err
	}
	v, err := r.fetch(ctx, q, ref, version)
	if err != nil {
		return nil, err
	}
	mask, err := r.maskFor(ctx, v)
	if err != nil {
		return nil, err
	}
	body, err := r.gate.verdict(ctx, v, mask != nil)
	if err != nil {
		return nil, err
	}
	r.entry.Count = 1
	r.disclose(v, "GET")
	return body, nil
}

// verdict holds a version against the change log. Of a masked one no hash is told: whoever
// knows the rest could guess what is hidden until it fits.
func (g *Gate) verdict(ctx context.Context, v *Version, masked bool) ([]byte, error) {
	values := []fhir.Parameter{{Name: "resource", Value: v.Ref.String() + "/_history/" + strconv.FormatInt(v.Version, 10)}}
	if !masked {
		values = append(values, fhir.Parameter{Name: "hash", Value: hex.EncodeToString(v.Hash[:])})
	}
	result, reason := "tampered", "The version names no entry of a node's change log."
	changes, err := g.changeLog(ctx, v.Source)
	if err != nil {
		return nil, err
	}
	if changes != nil {
		rec, err := g.load(ctx, changes, v.Seq)
		if err != nil && !isRefusal(err) {
			return nil, err
		}
		if err == nil {
			result, reason = g.compare(ctx, v, rec)
			values = append(values,
				fhir.Parameter{Name: "record", Value: rec.row.Receipt(changes.Source()).String()},
				fhir.Parameter{Name: "auditEvent", Value: "AuditEvent/" + auditID(changes.Source(), v.Seq)},
				fhir.Parameter{Name: "recorded", Value: rec.entry.Time.Format("2006-01-02T15:04:05.000Z")})
		}
	}
	values = append([]fhir.Parameter{{Name: "result", Value: result}, {Name: "reason", Value: reason}}, values...)
	return fhir.Parameters(values)
}

// changeLog is the change log that a version names, nil if there is none.
func (g *Gate) changeLog(ctx context.Context, source string) (ledgerbridge.Log, error) {
	logs, err := g.logs(ctx)
	for _, log := range logs {
		if log.Source() == source && ledgerbridge.IsChanges(source) {
			return log, nil
		}
	}
	return nil, err
}

// compare says whether the stored bytes are those that the entry says were written.
func (g *Gate) compare(ctx context.Context, v *Version, rec record) (result, reason string) {
	if !v.Deleted && fhir.Hash(sha256.Sum256(v.Body)) != v.Hash {
		return "tampered", "The stored bytes do not have the hash that is stored with them."
	}
	if rec.entry.Interaction == ledgerbridge.Purge {
		return "incomplete", "The resource was purged by this entry, whose content covers all that went with it: `aceso verify log --all` compares it."
	}
	items := []ledgerbridge.Item{v.Item()}
	if rec.entry.Interaction == "transaction" {
		var err error
		if items, err = g.written(ctx, rec); err != nil {
			return "incomplete", "Parts of the transaction's record were erased, so its content cannot be recomputed."
		}
		if !slices.Contains(items, v.Item()) {
			return "tampered", "The transaction's record does not name this version with this hash."
		}
	}
	content := ledgerbridge.Content(rec.entry.Interaction, items)
	if hex.EncodeToString(content[:]) != rec.entry.Content {
		return "tampered", "The change log says that other bytes were written."
	}
	return "ok", "The stored bytes are those that the change log says were written."
}

// written collects what a transaction wrote from its opened parts.
func (g *Gate) written(ctx context.Context, rec record) ([]ledgerbridge.Item, error) {
	parts, err := g.Sealer.OpenParts(ctx, rec.row.Parts, nil)
	if err != nil {
		return nil, err
	}
	var all []ledgerbridge.Item
	for _, clear := range parts {
		var items []ledgerbridge.Item
		switch {
		case clear.Request != nil:
			items = clear.Request.Items
		case clear.Patient != nil:
			items = clear.Patient.Items
		case clear.Empty():
			return nil, ledgerbridge.ErrErased
		}
		for _, i := range items {
			if i.Method != "GET" && !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	return all, nil
}
