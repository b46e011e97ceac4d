package search

import "strings"

// maxJoined is how many joined keys a query may gain.
const maxJoined = 32

// optimize adds conditions to a conjunction that follow from its members. They do
// not change the answer, but let a store find few rows at once.
func optimize(c Condition) Condition {
	all, ok := c.(All)
	if !ok {
		return c
	}
	added := append(joined(all), windows(all)...)
	if len(added) == 0 {
		return c
	}
	return append(All(added), all...)
}

// joined returns the keys of patient and code, if the conjunction asks for both.
func joined(all All) []Condition {
	var patients, codes []string
	for _, m := range all {
		keys := keysOf(m)
		if p := tails(keys, isPatientKey); p != nil {
			patients = p
		}
		if p := tails(keys, isCodeKey); p != nil {
			codes = p
		}
	}
	if len(patients) == 0 || len(codes) == 0 || len(patients)*len(codes) > maxJoined {
		return nil
	}
	var keys []Condition
	for _, p := range patients {
		for _, code := range codes {
			keys = append(keys, HasKey{keyPatientCode + p + "|" + code})
		}
	}
	return []Condition{anyOf(keys)}
}

// windows adds, for dates bounded on both sides, an overlap with the window: each
// bound alone matches too many. A resource with several dates may match each bound
// with another date, so their hull counts too.
func windows(all All) (added []Condition) {
	for _, m := range all {
		from, ok := m.(InDates)
		if !ok || from.Prefix != Ge && from.Prefix != Gt && from.Prefix != Sa {
			continue
		}
		for _, m := range all {
			to, ok := m.(InDates)
			if !ok || to.Param != from.Param || to.Prefix != Le && to.Prefix != Lt && to.Prefix != Eb {
				continue
			}
			added = append(added, Any{
				InDates{from.Param, Ap, from.Lo, to.Hi},
				InDates{hullParam(from.Param), Ap, from.Lo, to.Hi},
			})
			break
		}
	}
	return added
}

// hullParam is the name of the range that covers all ranges of a parameter.
func hullParam(param string) string { return param + "*" }

// keysOf lists the keys of a condition that only asks for one of several keys,
// and nil for any other condition.
func keysOf(c Condition) []string {
	switch c := c.(type) {
	case HasKey:
		return []string{c.Key}
	case Any:
		var keys []string
		for _, m := range c {
			k, ok := m.(HasKey)
			if !ok {
				return nil
			}
			keys = append(keys, k.Key)
		}
		return keys
	}
	return nil
}

// tails applies cut to all keys. It returns nil if one does not fit.
func tails(keys []string, cut func(string) (string, bool)) []string {
	var list []string
	for _, k := range keys {
		t, ok := cut(k)
		if !ok {
			return nil
		}
		list = append(list, t)
	}
	return list
}

// isPatientKey cuts subject>Patient/12 and patient>Patient/12 to Patient/12.
func isPatientKey(key string) (string, bool) {
	param, ref, ok := strings.Cut(key, string(opReference))
	return ref, ok && (param == "subject" || param == "patient") && strings.HasPrefix(ref, "Patient/")
}

// isCodeKey cuts code=system|code and code=code to the token. Other forms, and
// truncated ones, have no joined key.
func isCodeKey(key string) (string, bool) {
	token, ok := strings.CutPrefix(key, "code"+string(opToken))
	return token, ok && joins([]byte(token))
}

// joins says whether the token of a code key is also joined with the patient.
func joins(token []byte) bool {
	s := string(token)
	return s != "" && !strings.HasPrefix(s, "|") && !strings.HasSuffix(s, "|") && !strings.ContainsRune(s, hashMark)
}
