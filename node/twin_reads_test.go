package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

func (a *twinAsker) search() twinAsk { return a.searchFor(a.query(nil)) }

func (a *twinAsker) searchFor(q *query) twinAsk {
	if a.once(3) {
		a.special(q)
	}
	if a.once(60) {
		q.add(a.pick([]string{"nonsense", "subject.nonsense", "_has:Nothing:x:y", "_sort", "_include"}), "x")
	}
	return twinAsk{method: "GET", path: "/fhir/" + q.typ + "?" + q.text(), params: q.drawn}
}

func byPost(q twinAsk) twinAsk {
	path, text, _ := strings.Cut(q.path, "?")
	return twinAsk{method: "POST", path: path + "/_search", body: text, params: q.params, header: []string{"Content-Type", "application/x-www-form-urlencoded"}}
}

func (a *twinAsker) searchByPost() twinAsk { return byPost(a.search()) }

func (a *twinAsker) compartment() twinAsk {
	q := a.query(nil)
	of := "Patient/" + fmt.Sprint("r", a.IntN(twinHomes))
	if h := q.answer; h != nil {
		if all := h.from("¤cpt="); len(all) > 0 && a.IntN(5) > 0 {
			of = a.pick(all)
		}
	}
	return twinAsk{method: "GET", path: "/fhir/" + of + "/" + q.typ + "?" + q.text(), params: q.drawn}
}

func (a *twinAsker) compartmentByPost() twinAsk { return byPost(a.compartment()) }

func (a *twinAsker) read() twinAsk {
	ref, version := a.any(a.typ())
	q := twinAsk{method: "GET", path: "/fhir/" + ref.String()}
	switch a.IntN(12) {
	case 0:
		q.path += "?_summary=" + a.pick([]string{"true", "data", "text"})
	case 1:
		q.path += "?_elements=id,status"
	case 2:
		q.header = []string{"If-None-Match", fmt.Sprintf(`W/"%d"`, version)}
	case 3:
		q.header = []string{"If-Modified-Since", a.time().Format(http.TimeFormat)}
	}
	return q
}

// time is a time since the clock of the servers began.
func (a *twinAsker) time() time.Time {
	return twinBegin.Add(time.Duration(a.Int64N(1+a.w.ticks.Load())) * time.Second)
}

func (a *twinAsker) vread() twinAsk {
	ref, version := a.any(a.typ())
	if a.once(2) {
		version = 1 + a.Int64N(3)
	}
	return twinAsk{method: "GET", path: fmt.Sprintf("/fhir/%s/_history/%d", ref, version)}
}

func (a *twinAsker) verify() twinAsk {
	q := a.vread()
	q.path += "/$verify"
	return q
}

func (a *twinAsker) historyInstance() twinAsk {
	ref, _ := a.any(a.typ())
	return a.history("/fhir/" + ref.String() + "/_history")
}

func (a *twinAsker) historyType() twinAsk { return a.history("/fhir/" + a.typ() + "/_history") }

func (a *twinAsker) historySystem() twinAsk { return a.history("/fhir/_history") }

func (a *twinAsker) history(path string) twinAsk {
	var params []string
	if a.once(2) {
		params = append(params, fmt.Sprint("_count=", 1+a.IntN(10)))
	}
	if a.once(4) {
		params = append(params, a.pick([]string{"_since", "_at"})+"="+a.time().Format(time.RFC3339))
	}
	return twinAsk{method: "GET", path: strings.TrimSuffix(path+"?"+strings.Join(params, "&"), "?")}
}

func (a *twinAsker) report() twinAsk {
	of := "r0"
	if a.once(4) {
		of = fmt.Sprint("r", a.IntN(twinHomes))
	}
	return twinAsk{method: "GET", path: "/fhir/Patient/" + of + "/$access-report?_count=10" + a.pick([]string{"", "&broad=true"})}
}

func (a *twinAsker) event() twinAsk {
	return twinAsk{method: "GET", path: fmt.Sprintf("/fhir/AuditEvent/n1.accesses.0.%d", a.IntN(50))}
}

// bundle is a Bundle of entries.
func twinBundle(kind string, entries []map[string]any) string {
	text, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": kind, "entry": entries})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// entry makes an entry of a request.
func (q twinAsk) entry() map[string]any {
	request := map[string]any{"method": q.method, "url": strings.TrimPrefix(q.path, "/fhir/")}
	for i := 0; i+1 < len(q.header); i += 2 {
		switch q.header[i] {
		case "If-Match":
			request["ifMatch"] = q.header[i+1]
		case "If-None-Exist":
			request["ifNoneExist"] = q.header[i+1]
		case "If-None-Match":
			request["ifNoneMatch"] = q.header[i+1]
		}
	}
	e := map[string]any{"request": request}
	if q.body != "" {
		e["resource"] = json.RawMessage(q.body)
	}
	return e
}

// batch is several requests at once.
func (a *twinAsker) batch() twinAsk {
	all := twinAsk{method: "POST", path: "/fhir/"}
	var entries []map[string]any
	for range 1 + a.IntN(5) {
		maker := []func(*twinAsker) twinAsk{
			(*twinAsker).read, (*twinAsker).read, (*twinAsker).vread, (*twinAsker).search, (*twinAsker).search, (*twinAsker).compartment, (*twinAsker).historyInstance,
			(*twinAsker).historyType, (*twinAsker).create, (*twinAsker).update, (*twinAsker).updateIf, (*twinAsker).remove,
		}[a.IntN(12)]
		q := maker(a)
		all.params = append(all.params, q.params...)
		entries = append(entries, q.entry())
	}
	all.body = twinBundle("batch", entries)
	return all
}
