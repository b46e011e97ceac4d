package consent

import (
	"testing"
	"time"
)

func TestDataPeriod(t *testing.T) {
	window := func(typ, start, end string) []string {
		return []string{privacy(`'type':'` + typ + `','dataPeriod':{'start':'` + start + `','end':'` + end + `'}`)}
	}
	timeless, endless := observation(), observation()
	timeless.Start, timeless.End = 1, 0
	endless.End = never
	run(t, []judged{
		{"contained", window("permit", "2026", "2026"), clinician, observation(), Permit},
		{"exactly", window("permit", "2026-01-10", "2026-01-10"), clinician, observation(), Permit},
		{"straddles: no permit", window("permit", "2026-01-10T12:00:00Z", "2026"), clinician, observation(), Silent},
		{"straddles: deny", window("deny", "2026-01-10T12:00:00Z", "2026"), clinician, observation(), Deny},
		{"touches: deny", window("deny", "2025", "2026-01-10T00:00:00Z"), clinician, observation(), Deny},
		{"the first moment: deny", window("deny", "2026-01-10T23:59:59.999Z", "2026"), clinician, observation(), Deny},
		{"all but the last moment: no permit", window("permit", "2026", "2026-01-10T23:59:59.998Z"), clinician, observation(), Silent},
		{"before", window("deny", "2026-01-11", "2026"), clinician, observation(), Silent},
		{"after", window("deny", "2025", "2026-01-09"), clinician, observation(), Silent},
		{"no time: no permit", window("permit", "2026", "2026"), clinician, timeless, Silent},
		{"no time: deny", window("deny", "2020", "2020"), clinician, timeless, Deny},
		{"ongoing: no permit", window("permit", "2026", "2026"), clinician, endless, Silent},
		{"ongoing in an open period", []string{privacy(`'type':'permit','dataPeriod':{'start':'2026'}`)}, clinician, endless, Permit},
	})
}

func day(s string) int64 {
	from, _, _ := span(s)
	return from
}

func TestTimeIsHalfOpen(t *testing.T) {
	rules := mustCompile(t, privacy(`'type':'permit','period':{'start':'2026-03-01','end':'2026-03-09'}`),
		`'status':'active','scope':<privacy>,'dateTime':'2027-01','provision':{'type':'deny','period':{'end':'2028'}}`)
	cases := []struct {
		at    string
		want  Verdict
		until string
	}{
		{"2026-02-28T23:59:59.999Z", Silent, "2026-03-01T00:00:00Z"},
		{"2026-03-01T00:00:00Z", Permit, "2026-03-10T00:00:00Z"},
		{"2026-03-09T23:59:59.999Z", Permit, "2026-03-10T00:00:00Z"},
		{"2026-03-10T00:00:00Z", Silent, "2027-01-01T00:00:00Z"},
		{"2027-01-01T00:00:00Z", Deny, "2029-01-01T00:00:00Z"},
		{"2029-01-01T00:00:00Z", Silent, ""},
	}
	for _, c := range cases {
		s := clinician
		s.Now, _ = time.Parse(time.RFC3339, c.at)
		v, _, until := Evaluate(rules, s, observation())
		want, _ := time.Parse(time.RFC3339, c.until)
		if v != c.want || !until.Equal(want) {
			t.Errorf("%s: %v until %v, want %v until %v", c.at, v, until, c.want, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct{ in, from, to string }{
		{"2024", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"},
		{"2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		{"2024-02-29T23:59:59-05:00", "2024-03-01T04:59:59Z", "2024-03-01T05:00:00Z"},
		{"2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.6Z"},
		{"2024-02-29T23:59:59.25Z", "2024-02-29T23:59:59.25Z", "2024-02-29T23:59:59.26Z"},
		{"2024-02-29T23:59:59.1234567Z", "2024-02-29T23:59:59.123Z", "2024-02-29T23:59:59.124Z"},
	} {
		from, to, err := span(c.in)
		wantFrom, _ := time.Parse(time.RFC3339, c.from)
		wantTo, _ := time.Parse(time.RFC3339, c.to)
		if err != nil || from != wantFrom.UnixMilli() || to != wantTo.UnixMilli() {
			t.Errorf("span(%s) = %v, %v, %v", c.in, time.UnixMilli(from).UTC(), time.UnixMilli(to).UTC(), err)
		}
	}
	for _, bad := range []string{"", "24", "2024-13", "2023-02-29", "2024-02-29T24:00:01Z", "2024-02-29T10:00", "2024-02-29T10:00:00", "yesterday"} {
		if _, _, err := span(bad); err == nil {
			t.Errorf("span(%q) is accepted", bad)
		}
	}
}
