package search

import "strings"

// maxJoined is how many joined keys are worth adding to a query.
const maxJoined = 32

// Optimize adds to a conjunction conditions that follow from its members, so that
// the answer stays the same, and by which a store finds few rows at once.
func Optimize(c Condition) Condition {
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

// joined gives the key that joins patient and code to whoever asks for both.
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

// windows gives to whoever asks for dates from one time to another those that
// overlap what is between. By itself each end is true of too many. A resource with
// several dates may satisfy each end with another one: their hull overlaps, too.
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

// hullParam is the name under which an index has what covers several ranges.
func hullParam(param string) string { return param + "*" }

// keysOf lists the alternative keys that a condition consists of, nil if there is more to it.
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

// tails applies cut to all keys; nil if one does not fit.
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

// isPatientKey gives Patient/12 of subject>Patient/12 and patient>Patient/12.
func isPatientKey(key string) (string, bool) {
	param, ref, ok := strings.Cut(key, string(opReference))
	return ref, ok && (param == "subject" || param == "patient") && strings.HasPrefix(ref, "Patient/")
}

// isCodeKey gives the token of code=system|code and code=code. Other forms,
// and those cut so that the form cannot be told, have no joined key.
func isCodeKey(key string) (string, bool) {
	token, ok := strings.CutPrefix(key, "code"+string(opToken))
	return token, ok && joins([]byte(token))
}

// joins says whether the token of a code key is also joined with the patient.
func joins(token []byte) bool {
	s := string(token)
	return s != "" && !strings.HasPrefix(s, "|") && !strings.HasSuffix(s, "|") && !strings.ContainsRune(s, hashMark)
}
