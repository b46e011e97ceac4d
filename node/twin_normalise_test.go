package node

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// twinNames puts the ids that two servers gave in place of one another: in requests and
// in what is compared, each has the name of its first appearance.
type twinNames struct{ given, made, pages map[string]string }

func newTwinNames() twinNames {
	return twinNames{map[string]string{}, map[string]string{}, map[string]string{}}
}

var (
	twinUUID    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	twinEvent   = regexp.MustCompile(`\bn1\.(?:accesses|changes)\.\d+\.\d+`)
	twinReceipt = regexp.MustCompile(`hospital/n1/(accesses|changes)\.\d+/\d+;c=[0-9a-f]{64}`)
	twinHash    = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	twinPage    = regexp.MustCompile(`_page=[-_A-Za-z0-9]+`)
	twinVisit   = regexp.MustCompile(`\b[A-Z2-7]{26}\b|name="form" value="[^"]*"`) // of a page's form
	twinKey     = regexp.MustCompile(`"(?:kid|n|x)":"[-_A-Za-z0-9]+"`)             // of a key set: keys are not data
	twinJob     = regexp.MustCompile(`/_async/[a-z2-7]{26}\b`)
	twinLate    = regexp.MustCompile(`(?m)^the policies in force failed to decide .*\n`) // on a busy machine
	twinGiven   = "00000000-0000-4000-8000-"                                             // ids that the test gives itself
	twinMade    = "00000000-0000-7000-8000-"                                             // names of ids that a server gave
)

// own writes what the test calls by its names as the server knows it.
func (n twinNames) own(text string) string {
	if page, ok := n.pages[text]; ok {
		return page
	}
	return twinUUID.ReplaceAllStringFunc(text, func(name string) string {
		if id, ok := n.made[name]; ok {
			return id
		}
		return name
	})
}

// common writes what a server said in the names of the test.
func (n twinNames) common(text string) string {
	text = twinUUID.ReplaceAllStringFunc(text, n.name)
	text = twinEvent.ReplaceAllString(text, "EVENT")
	text = twinReceipt.ReplaceAllString(text, "RECEIPT")
	text = twinVisit.ReplaceAllString(text, "VISIT")
	text = twinJob.ReplaceAllString(text, "/_async/JOB")
	text = twinLate.ReplaceAllString(text, "")
	text = twinHash.ReplaceAllString(text, "HASH")
	text = twinPage.ReplaceAllStringFunc(text, func(page string) string { return fmt.Sprint("_page=~", len(page)/twinPageStep) })
	return twinClock.ReplaceAllString(text, "NOW")
}

// twinPageStep is the precision in which lengths of paging links are compared.
const twinPageStep = 1 << 20

// twinClock finds times of the machine's clock: those of the gate are of another century.
var twinClock = regexp.MustCompile(fmt.Sprintf(`\b%d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`, time.Now().UTC().Year()))

func (n twinNames) name(id string) string {
	if strings.HasPrefix(id, twinGiven) {
		return id
	}
	name, known := n.given[id]
	if !known {
		name = fmt.Sprintf("%s%012d", twinMade, len(n.given))
		n.given[id], n.made[name] = name, id
	}
	return name
}

// told is an answer in common names: status, headers, body.
func (n *twin) told(r response) string {
	var b strings.Builder
	fmt.Fprintln(&b, r.Status)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "Date" || name == "Content-Length" { // of the machine; follows from the body
			continue
		}
		for _, value := range r.Header[name] {
			fmt.Fprintln(&b, name+":", n.names.common(value))
		}
	}
	body := n.names.common(string(r.Body))
	if strings.HasPrefix(body, `{"keys":[`) {
		body = twinKey.ReplaceAllString(body, "KEY")
	}
	b.WriteString(body)
	return b.String()
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from := max(0, at-300)
	return fmt.Sprintf("with everything: ...%.900s\n\nwith what may be seen: ...%.900s", a[min(from, len(a)):], b[min(from, len(b)):])
}
