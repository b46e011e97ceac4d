package access

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// identify asks the policy about the operation, and finds the resource it is about:
// conditions are searches that see what the caller sees, so a hidden match is no match.
func (t *change) identify(ctx context.Context, s *step) error {
	s.question = questionOf(s.Operation)
	if s.Patch != nil {
		t.asksPatch(s)
	}
	_, refused := t.ask(ctx, s.question)
	if s.Ref.Type == "AuditEvent" && s.Method != "GET" {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "AuditEvents are made from the records and cannot be written or deleted."}
	}
	if refused != nil {
		t.wouldAsk(s)
		return refused
	}
	if s.Patch != nil {
		if err := t.mayPatch(ctx, s); err != nil {
			return err
		}
	}
	if err := t.replaceable(ctx, s); err != nil {
		t.wouldAsk(s)
		return err
	}
	if s.Conditional && s.Method != "GET" {
		if err := t.match(ctx, s); err != nil {
			return err
		}
	}
	if s.Method == "POST" && s.Ref.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		s.Ref.ID = id.String()
	}
	t.name(s)
	return t.claim(s)
}

// claim notes which step is about a resource: only one may be, unless none changes it.
func (t *change) claim(s *step) error {
	if s.Method == "GET" || s.Ref.ID == "" {
		return nil
	}
	if other := t.taken[s.Ref]; other != nil && !(s.done() && other.done()) {
		return &fhir.Error{Kind: fhir.Invalid, Detail: "Two entries of this Bundle are about the same resource, and one changes it. Send them separately."}
	}
	t.taken[s.Ref] = s
	return nil
}

// wouldAsk notes the criteria of an operation that is refused before they are evaluated.
func (t *change) wouldAsk(s *step) {
	if q, err := search.ParseQuery(s.Ref.Type, s.Criteria, search.QueryOptions{Base: t.gate.Base, Codes: unopened{}}); err == nil && len(s.Criteria) > 0 {
		t.criteria(s.Ref.Type, q)
	}
}

func questionOf(op *Operation) question {
	switch {
	case op.Method == "POST":
		return question{"create", "c", op.Ref.Type}
	case op.Method == "PUT":
		return question{"update", "u", op.Ref.Type}
	case op.Method == "PATCH" && op.Patch != nil:
		return question{"patch", "u", op.Ref.Type}
	case op.Method == "DELETE":
		return question{"delete", "d", op.Ref.Type}
	case op.Method != "GET": // unknown to every policy, so refused
		return question{op.Method, "", op.Ref.Type}
	case op.Ref.ID == "":
		return searchQuestion(op.Ref.Type)
	case op.Version != 0:
		return question{"vread", "r", op.Ref.Type}
	}
	return question{"read", "r", op.Ref.Type}
}

// name makes the resource known to other entries under its full URL.
func (t *change) name(s *step) {
	if s.FullURL != "" && s.Ref.ID != "" {
		t.targets[s.FullURL] = s.Ref.String()
	}
}

// root is what relative references of an entry begin with: its full URL without
// type and id, "" if that is no URL of a resource.
func (s *step) root() string {
	parts := strings.Split(s.FullURL, "/")
	if n := len(parts); n > 2 && parts[n-2] == s.Ref.Type {
		return strings.Join(parts[:n-2], "/") + "/"
	}
	return ""
}

// match finds the resource a conditional interaction means. The criteria are checked
// again inside the commit.
func (t *change) match(ctx context.Context, s *step) error {
	if err := t.full(); err != nil {
		return err
	}
	more, bytes := s.means()
	query, page, err := t.matches(ctx, s.Ref.Type, s.Criteria, more, bytes)
	if err != nil {
		return err
	}
	matches := page.Matches
	s.query = query
	visible, sight := t.finds(ctx, s.Ref.Type, s.Criteria)
	visible, sight = t.asOf(visible, sight, page.Epoch)
	t.review.change.Guards = append(t.review.change.Guards, store.Guard{Query: query, Visible: visible, Sight: sight, Within: t.requires(ctx, "search-type", "s"), Want: refs(matches), At: page.At})
	switch {
	case len(matches) > 1 && more > 0:
		return t.deleteAll(s, page)
	case len(matches) > 1:
		return &fhir.Error{Kind: fhir.MultipleMatches, Detail: "The criteria of this conditional interaction match more than one resource. Make them more selective."}
	case len(matches) == 1 && s.Method == "POST":
		return t.present(ctx, s, &matches[0])
	case len(matches) == 1:
		s.Ref = matches[0].Ref
		if s.Method == "PUT" && s.Resource.ID() != "" && s.Resource.ID() != s.Ref.ID {
			return &fhir.Error{Kind: fhir.Invalid, Detail: "The criteria match a resource with another id than the resource sent has."}
		}
	case s.Method == "DELETE" || s.Method == "PATCH":
		return t.absent(ctx, s)
	default:
		return t.conditionalCreate(ctx, s)
	}
	return nil
}

// present answers a conditional create whose resource is there already.
func (t *change) present(ctx context.Context, s *step, v *Version) error {
	s.Ref = v.Ref
	s.effect = Effect{Status: 200, Version: v}
	seen, err := t.sees(ctx, s.question, rowOf(v))
	if !seen {
		v.Body = nil
	}
	if err != nil {
		return err
	}
	return t.hold(v.Weight())
}

// finds says what a condition finds: what the caller sees. Own systems find by identifier
// what Consents hide from them, too: a result names its patient so, and an amended one
// the result. No other criterion could be tried out on hidden values this way.
func (t *change) finds(ctx context.Context, typ string, criteria []fhir.Param) (store.Visible, store.Sights) {
	q := question{"search-type", "s", typ}
	if !t.subject.System || !identify(criteria) {
		return t.visible(ctx, q.interaction, q.action), t.sight(ctx, q.interaction, q.action)
	}
	actions := []string{"correct"}
	visible := func(row store.Row) (bool, error) { return t.mayBe(ctx, q, row, actions) }
	return visible, func(typ string, epoch int64) (*store.Sight, error) {
		return t.look(ctx, question{q.interaction, q.action, typ}, actions, epoch)
	}
}

// identify says whether criteria are whole identifiers, and nothing else.
func identify(criteria []fhir.Param) bool {
	return !slices.ContainsFunc(criteria, func(p fhir.Param) bool {
		system, value, whole := strings.Cut(p.Value, "|")
		return p.Name != "identifier" || !whole || system == "" || value == "" || strings.ContainsAny(p.Value, ",\\")
	})
}

// asOf judges rows by the Consents of an earlier snapshot: a guard runs inside a
// transaction that may hold Consents which nobody can read before it has ended.
func (r *review) asOf(visible store.Visible, sight store.Sights, epoch int64) (store.Visible, store.Sights) {
	rows := func(row store.Row) (bool, error) {
		planned := r.directory.planned // what this change writes is not there yet
		r.directory.planned = nil
		defer func() { r.directory.planned = planned }()
		row.Epoch = min(row.Epoch, epoch)
		return visible(row)
	}
	return rows, func(typ string, now int64) (*store.Sight, error) { return sight(typ, min(now, epoch)) }
}

// conditionalCreate is a conditional create or update without match. Two entries of
// the same criteria would both create. An update keeps the id of the body, only for
// those who may choose ids.
func (t *change) conditionalCreate(ctx context.Context, s *step) error {
	condition := s.Ref.Type + "?" + spelled(s.query.Where)
	if t.conditions[condition] {
		return &fhir.Error{Kind: fhir.Invalid, Detail: "Two entries of this Bundle create a resource under the same condition. Leave one out and refer to the other."}
	}
	t.conditions[condition] = true
	if s.Method == "POST" {
		return nil
	}
	if s.IfMatch != nil {
		return notFound()
	}
	s.Ref.ID = s.Resource.ID()
	if s.Ref.ID == "" {
		s.Method = "POST"
		return nil
	}
	if !t.choosesIDs(ctx, s.question) {
		return notFound()
	}
	s.fresh = true
	return nil
}

// spelled is a condition whose parts stand in an order of their own: whatever order,
// escapes and further parameters criteria had, they are the same if their parts are.
func spelled(c search.Condition) string {
	all, ok := c.(search.All)
	if !ok {
		return fmt.Sprintf("%#v", c)
	}
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = spelled(all[i])
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "&")
}

// matches searches for what a condition means: two are enough to know that there are
// more than one; some more may be found that the change replaces or deletes, of up to so
// many bytes (0: no bound). The record names the
// criteria and the patients of what they match.
func (t *change) matches(ctx context.Context, typ string, criteria []fhir.Param, more int, bytes int64) (q *search.Query, page store.Page, err error) {
	customs, err := t.keyed(ctx)
	if err != nil {
		return nil, page, err
	}
	codes := t.codes(ctx, question{"search-type", "s", typ})
	if q, err = search.ParseQuery(typ, criteria, search.QueryOptions{Base: t.gate.Base, Codes: codes, Customs: customs}); err != nil {
		return nil, page, err
	}
	if all, ok := q.Where.(search.All); ok && len(all) == 0 { // _count and the like select nothing
		return nil, page, &fhir.Error{Kind: fhir.Invalid, Detail: "A conditional interaction needs search criteria."}
	}
	t.criteria(typ, q)
	q.Sort, q.Include = nil, nil // they do not change what matches, but what it costs
	if d := t.decide(ctx, question{"search-type", "s", typ}); !d.Allow {
		return nil, page, t.refuse(d)
	}
	visible, sight := t.finds(ctx, typ, criteria)
	guard := store.Guard{Query: q, Visible: visible, Sight: sight, Within: t.requires(ctx, "search-type", "s"), Want: make([]fhir.Ref, 1+more)}
	asked := guard.Search(t.guards)
	asked.Bytes = bytes
	if page, err = t.seek(ctx, asked); kindOf(err) == fhir.TooCostly {
		err = &fhir.Error{Kind: fhir.TooCostly, Detail: "The criteria of conditional interactions and references must be selective: these would have to examine more than 2,000 resources, or all of a transaction more than 20,000 and 10 for each. Search by an identifier."}
	}
	if err != nil {
		return nil, page, unavailable("search cannot be run", err)
	}
	t.told(q, page)
	return q, page, nil
}

// criteria adds criteria to the record. Those of a transaction say which type they search.
func (t *change) criteria(typ string, q *search.Query) {
	t.asks(q)
	if !t.transaction() {
		t.entry.Query = strings.Trim(q.Self+"&"+t.entry.Query, "&")
		return
	}
	t.queries = append(t.queries, typ+"?"+q.Self)
}

func refs(versions []Version) []fhir.Ref {
	all := make([]fhir.Ref, len(versions))
	for i := range versions {
		all[i] = versions[i].Ref
	}
	return all
}

// link splices the targets of other entries into a resource.
func (t *change) link(_ context.Context, s *step) (err error) {
	if s.Resource == nil || !t.transaction() || s.done() {
		return nil
	}
	root := s.root()
	if s.Method == "PATCH" { // what was there before refers to what was there before
		root = ""
	}
	s.Resource, err = s.Resource.MapReferences(func(value string) (string, bool) {
		name, rest := fhir.Named(value)
		target, ok := t.targets[name]
		if !ok && root != "" {
			target, ok = t.targets[root+name]
		}
		return target + t.versioned(target, rest), ok
	})
	return err
}

// versioned is what follows the target in a link: a version that was named becomes that
// which the entry makes.
func (t *change) versioned(target, rest string) string {
	ref, err := fhir.ParseRef(target)
	other := t.taken[ref]
	if err != nil || other == nil || !strings.HasPrefix(rest, "/_history/") {
		return rest
	}
	version := other.before.Version + 1
	if found := other.effect.Version; found != nil {
		version = found.Version
	}
	other.pinned = true
	_, fragment, local := strings.Cut(rest, "#")
	if local {
		fragment = "#" + fragment
	}
	return "/_history/" + strconv.FormatInt(version, 10) + fragment
}

// place is where the resource of a step has a reference.
func (s *step) place(reference string) string {
	return s.Resource.ReferencePlace(func(value string) bool { return value == reference })
}

// resolve splices the targets of conditional references into a resource, each searched for
// once per change: among what is stored and what the change writes.
func (t *change) resolve(ctx context.Context, s *step) (err error) {
	if s.Resource == nil || !t.transaction() || s.done() || !slices.ContainsFunc(s.Resource.References(), conditional) {
		return nil
	}
	for _, reference := range s.Resource.References() {
		if _, known := t.targets[reference]; known || !conditional(reference) {
			continue
		}
		typ, criteria, _ := strings.Cut(reference, "?")
		params, err := pairs(criteria)
		if err != nil {
			return err
		}
		query, page, err := t.matches(ctx, typ, params, t.replaces(typ), 0)
		if err != nil {
			return err
		}
		visible, _ := t.finds(ctx, typ, params)
		found, err := t.among(ctx, query, page.Matches, visible)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return &fhir.Error{Kind: fhir.Unprocessable, Expression: s.place(reference), Detail: "A conditional reference must match exactly one resource, after what this Bundle writes and deletes. Create its target first, or make the criteria more selective."}
		}
		t.targets[reference] = found[0].String()
	}
	s.Resource, err = s.Resource.MapReferences(func(value string) (string, bool) {
		target, ok := t.targets[value]
		return target, ok && conditional(value)
	})
	return err
}

// conditional tells references such as Patient?identifier=x.
func conditional(reference string) bool {
	typ, _, query := strings.Cut(reference, "?")
	return query && fhir.IsResourceType(typ)
}

// pairs reads the criteria of a conditional reference.
func pairs(query string) ([]fhir.Param, error) {
	var params []fhir.Param
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err := errors.Join(err, err2); err != nil {
			return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "The criteria of a conditional reference are not a well-formed query.", Err: err}
		}
		params = append(params, fhir.Param{Name: n, Value: v})
	}
	return params, nil
}
