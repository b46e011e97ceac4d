package mongotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// A recordedStep is one command and what a real MongoDB 4.4.6 replied.
type recordedStep struct {
	Command, Reply   json.RawMessage
	Session          string
	TxnNumber        json.RawMessage
	StartTransaction bool
	Note             string
}

type recordedScenario struct {
	Scenario, About string
	Steps           []recordedStep
}

// recording is the file of replies, in ACESO_TEST_DATA or beside the repository.
func recording(t *testing.T) []recordedScenario {
	dir := os.Getenv("ACESO_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	file := filepath.Join(dir, "mongodb-4.4-replies.json.xz")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("SKIPPED: no test data %s: set ACESO_TEST_DATA to the folder that holds it", filepath.Base(file))
	}
	data, err := exec.Command("xz", "-dc", file).Output()
	if err != nil {
		t.Skipf("SKIPPED: cannot extract %s: %v", file, err)
	}
	var all struct{ Scenarios []recordedScenario }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all.Scenarios
}

// notModelled are the recorded steps with features that the store does not use: operators
// in projections, $type, $mod, $expr, distinct, and pipelines that do not count.
var notModelled = map[string][]int{
	"find":                     {23, 24, 56, 67, 68},
	"sort, projection, paging": {13, 14, 40},
	"aggregate":                {0, 3, 5, 6, 7, 9},
	"update":                   {32},
}

// instead is sent for steps that are not modelled if later steps show their effect.
var instead = map[string]string{
	"update 32": `{"update": "u", "updates": [{"q": {"_id": {"$numberInt": "1"}}, "u": {"$set": {"p": {"$numberInt": "101"}}}}], "$db": "facts"}`,
}

// TestReplies replays the commands that were sent to a real server and compares
// the replies, but for session ids, times and the wording of messages.
func TestReplies(t *testing.T) {
	var agree, refused, total int
	scenarios := recording(t)
	set := Start(t)
	client := dial(t, set)
	for _, sc := range scenarios {
		if sc.Scenario == "standalone" {
			client = dial(t, StartStandalone(t))
		}
		if strings.HasPrefix(sc.Scenario, "transaction: isolation") {
			client.send(t, `{"insert": "t", "documents": [{"_id": {"$numberInt": "1"}, "v": {"$numberInt": "1"}}, {"_id": {"$numberInt": "2"}, "v": {"$numberInt": "1"}}], "$db": "facts"}`)
		}
		client.sessions = map[string]bson.Binary{}
		for i, st := range sc.Steps {
			if st.Reply == nil {
				continue // a note
			}
			total++
			got := client.step(t, sc.Scenario, st)
			switch want := normal(t, st.Reply); {
			case slices.Contains(notModelled[sc.Scenario], i) && bytes.Contains(got, []byte("mongotest does not model")):
				refused++
				if other, ok := instead[fmt.Sprint(sc.Scenario, " ", i)]; ok {
					client.send(t, other)
				}
			case normal(t, got) == want:
				agree++
			default:
				t.Errorf("%s, step %d: %s\n got %s\nwant %s", sc.Scenario, i, compact(st.Command), normal(t, got), want)
			}
		}
	}
	if agree == 0 {
		t.Error("no reply agrees")
	}
	t.Logf("%d replies of a real MongoDB 4.4.6: %d agree, %d commands are refused as not modelled, %d differ", total, agree, refused, total-agree-refused)
}

// The comparison notices differences.
func TestRepliesNotices(t *testing.T) {
	want := normal(t, []byte(`{"n": 1, "a": {"x": 1, "y": 2}, "errmsg": "one", "ok": 1}`))
	if got := normal(t, []byte(`{"n": 1, "a": {"x": 1, "y": 2}, "errmsg": "two", "operationTime": 7, "ok": 1}`)); got != want {
		t.Errorf("%s differs from %s", got, want)
	}
	for _, other := range []string{
		`{"n": 2, "a": {"x": 1, "y": 2}, "errmsg": "one", "ok": 1}`,
		`{"n": {"$numberLong": "1"}, "a": {"x": 1, "y": 2}, "errmsg": "one", "ok": 1}`,
		`{"n": 1, "a": {"y": 2, "x": 1}, "errmsg": "one", "ok": 1}`,
		`{"n": 1, "a": {"x": 1, "y": 2}, "ok": 1}`,
		`{"n": 1, "a": {"x": 1, "y": 2}, "errmsg": "one", "errorLabels": ["x"], "ok": 1}`,
	} {
		if got := normal(t, []byte(other)); got == want {
			t.Errorf("%s is taken for %s", other, want)
		}
	}
}

func compact(j []byte) string {
	var b bytes.Buffer
	_ = json.Compact(&b, j)
	return b.String()
}

// wording are the parts of a reply that may differ.
var wording = regexp.MustCompile(`"errmsg":"(\\.|[^"\\])*"`)

// normal is a reply without what may differ. The order of fields is kept.
func normal(t *testing.T, reply []byte) string {
	t.Helper()
	var doc bson.D
	if err := bson.UnmarshalExtJSON(reply, true, &doc); err != nil {
		t.Fatalf("%s: %v", reply, err)
	}
	doc = slices.DeleteFunc(doc, func(e bson.E) bool {
		return slices.Contains([]string{"$clusterTime", "operationTime", "localTime", "setVersion"}, e.Key)
	})
	for i, e := range doc {
		switch v := e.Value.(type) {
		case bson.D:
			for j := range v {
				if id, ok := v[j].Value.(int64); ok && e.Key == "cursor" && id != 0 {
					v[j].Value = "<nonzero>"
				}
			}
		case bson.A:
			if e.Key == "cursorsKilled" && len(v) == 1 {
				doc[i].Value = bson.A{"<that>"}
			}
		}
	}
	b, err := bson.MarshalExtJSON(doc, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(wording.ReplaceAll(b, []byte(`"errmsg":""`)))
}

func (st *recordedStep) number(t *testing.T) int64 {
	var n struct{ N any }
	if err := bson.UnmarshalExtJSON([]byte(`{"n": `+string(st.TxnNumber)+`}`), false, &n); err != nil {
		t.Fatal(err)
	}
	v, _ := strconv.ParseInt(fmt.Sprint(n.N), 10, 64)
	return v
}

// A wireClient sends commands as they are, without a driver.
type wireClient struct {
	conn     net.Conn
	address  string
	sessions map[string]bson.Binary
	cursor   int64
}

func dial(t *testing.T, s *Server) *wireClient {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &wireClient{conn: c, address: s.address, sessions: map[string]bson.Binary{}}
}

// step sends one recorded command.
func (c *wireClient) step(t *testing.T, scenario string, st recordedStep) []byte {
	t.Helper()
	command := strings.ReplaceAll(string(st.Command), `"<that>"`, fmt.Sprintf(`{"$numberLong": "%d"}`, c.cursor))
	if strings.HasPrefix(command, `"insert of one document`) {
		command = `{"insert": "big", "documents": [{"_id": {"$numberInt": "1"}, "b": "` + strings.Repeat("x", 16<<20) + `"}], "$db": "facts"}`
	}
	var doc bson.D
	if err := bson.UnmarshalExtJSON([]byte(command), true, &doc); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if _, err := bson.Raw(mustMarshal(t, doc)).LookupErr("$db"); err != nil {
		doc = append(doc, bson.E{Key: "$db", Value: "facts"})
	}
	if st.Session != "" {
		id, ok := c.sessions[st.Session]
		if !ok {
			id = bson.Binary{Subtype: 4, Data: []byte(fmt.Sprintf("%-16.16s", st.Session+scenario[max(0, len(scenario)-15):]))}
			c.sessions[st.Session] = id
		}
		doc = append(doc, bson.E{Key: "lsid", Value: bson.D{{Key: "id", Value: id}}}, bson.E{Key: "txnNumber", Value: st.number(t)})
		if scenario != "retryable write" {
			doc = append(doc, bson.E{Key: "autocommit", Value: false})
		}
		if st.StartTransaction {
			doc = append(doc, bson.E{Key: "startTransaction", Value: true})
		}
	}
	return c.roundTrip(t, mustMarshal(t, doc))
}

func (c *wireClient) send(t *testing.T, command string) []byte {
	t.Helper()
	var doc bson.D
	if err := bson.UnmarshalExtJSON([]byte(command), true, &doc); err != nil {
		t.Fatal(err)
	}
	return c.roundTrip(t, mustMarshal(t, doc))
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := bson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *wireClient) roundTrip(t *testing.T, body []byte) []byte {
	t.Helper()
	if _, err := c.conn.Write(writeMessage(0, wiremessage.OpMsg, body)); err != nil {
		t.Fatal(err)
	}
	_, _, reply, err := readMessage(c.conn)
	if err != nil {
		t.Fatal(err)
	}
	doc := bson.Raw(reply[5:])
	if id, ok := doc.Lookup("cursor", "id").Int64OK(); ok && id != 0 {
		c.cursor = id
	}
	j, err := bson.MarshalExtJSON(doc, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(j, []byte(c.address), []byte("127.0.0.1:27111"))
}
