package node

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aceso-health/aceso/fhir"
)

// httpSamples are the resources and Bundles that scripts can send.
const httpSamples = "../testdata/fhir"

// TestHTTPScripts runs testdata/http/*.txtar of the repository, each against a node
// of its own. testdata/README.md describes the commands.
func TestHTTPScripts(t *testing.T) {
	samples, err := filepath.Abs(httpSamples)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../testdata/http",
		Setup: func(e *testscript.Env) error {
			n := startNode(e.T().(testing.TB), filepath.Join(e.WorkDir, ".node"), func(_ *Node, o *Options) {
				o.Origins = []string{"https://portal.example"}
			})
			e.Values[talk{}] = &conversation{node: n, samples: samples}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": scripted(1, (*conversation).as), "http": scripted(2, (*conversation).http), "write": scripted(2, (*conversation).write),
			"status": scripted(1, (*conversation).status), "header": scripted(1, (*conversation).hasHeader),
			"body": scripted(2, (*conversation).hasBody), "json": scripted(1, (*conversation).hasJSON),
			"issue": scripted(1, (*conversation).hasIssue), "save": scripted(2, (*conversation).save),
			"mark": scripted(0, (*conversation).mark), "unchanged": scripted(0, (*conversation).unchanged),
		},
	})
}

// Every sample is a valid resource, and some script shows it.
func TestHTTPSamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(httpSamples, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	scripts, err := filepath.Glob("../testdata/http/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range scripts {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wrong := filepath.Base(name) == "round.json" // on purpose, in its last entry
		if _, err := fhir.Parse(data); err != nil && !wrong {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(all.String(), " "+filepath.Base(name)) {
			t.Errorf("no script uses %s", name)
		}
	}
}

// talk is the key of the conversation of a script.
type talk struct{}

// conversation is the state of a script: who speaks, and the last answer.
type conversation struct {
	node    *testNode
	token   string
	answer  response
	samples string // folder
	held    string // what mark found
}

// scripted makes a command of a method. Words after the command may not be fewer
// than needed; "!" before it turns an assertion round.
func scripted(words int, run func(*conversation, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(s *testscript.TestScript, negated bool, args []string) {
		if len(args) < words {
			s.Fatalf("too few words")
		}
		c := s.Value(talk{}).(*conversation)
		switch err := run(c, s, args); {
		case !negated && err != nil:
			s.Fatalf("%v\n%v", err, c.answer)
		case negated && err == nil:
			s.Fatalf("it is so\n%v", c.answer)
		}
	}
}

// as ROLE PURPOSE [option=value...] speaks with a fresh token from here on;
// "as nobody" speaks without one.
func (c *conversation) as(s *testscript.TestScript, args []string) error {
	if args[0] == "nobody" {
		c.token = ""
		return nil
	}
	g := Grant{Role: args[0], Purposes: strings.Split(args[1], ","), Expires: time.Hour, Client: "script"}
	if g.Role == "system" {
		g.Client = "aceso-cli" // writes Consents
	}
	key, audience := string(c.node.data), ""
	for _, arg := range args[2:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "org":
			g.Organization = value
		case "patient":
			g.Patient = value
		case "scope":
			g.Scope = value
		case "subject":
			g.Subject = value
		case "audience":
			audience = value
		case "expires":
			life, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			g.Expires = life
		case "key":
			if value != "foreign" {
				return fmt.Errorf("key is foreign or not given")
			}
			key, audience = c.foreignFolder(s), c.node.node.identity.BaseURL
		default:
			return fmt.Errorf("there is no option %s", name)
		}
	}
	token, err := Mint(context.Background(), Folder(key), Database{}, audience, g, time.Now())
	c.token = token
	return err
}

// foreignFolder is the data folder of a node of the same name that nobody here knows.
func (c *conversation) foreignFolder(s *testscript.TestScript) string {
	data, err := CreateFolder(filepath.Join(s.MkAbs("."), ".foreign"))
	s.Check(err)
	_, err = data.ring()
	s.Check(err)
	s.Check(data.note(c.node.node.identity))
	return string(data)
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// http METHOD PATH [FILE] [HEADER:VALUE...] sends a request. Paths are below the
// FHIR base; those that begin with // are below the origin.
func (c *conversation) http(s *testscript.TestScript, args []string) error {
	method, path := args[0], args[1]
	body, header := "", []string(nil)
	for _, arg := range args[2:] {
		if name, value, ok := strings.Cut(arg, ":"); ok {
			header = append(header, name, value)
			continue
		}
		body = variable.ReplaceAllStringFunc(c.sample(s, arg), func(v string) string { return s.Getenv(v[2 : len(v)-1]) })
	}
	r, err := c.request(method, path, body, header)
	if err != nil {
		return err
	}
	c.answer, err = c.node.Exchange(method+" "+path, r)
	return err
}

// request has the token and the usual content type unless header says otherwise.
func (c *conversation) request(method, path, body string, header []string) (*http.Request, error) {
	url := c.node.Server.URL + "/fhir" + path
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		url = c.node.Server.URL + "/" + rest
	}
	r, err := http.NewRequestWithContext(c.node.T.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], strings.TrimSpace(header[i+1]))
	}
	return r, nil
}

// sample reads a file of the script, or else one of the samples.
func (c *conversation) sample(s *testscript.TestScript, name string) string {
	data, err := os.ReadFile(s.MkAbs(name))
	if os.IsNotExist(err) {
		data, err = os.ReadFile(filepath.Join(c.samples, name))
	}
	s.Check(err)
	return string(data)
}

var (
	times = regexp.MustCompile(`(?s)^(\d+)\*(.*)$`)
	octet = regexp.MustCompile(`\\x[0-9a-f]{2}`)
)

// write FILE PART... makes a file of parts. N*TEXT is TEXT N times; \xHH is a byte.
func (c *conversation) write(s *testscript.TestScript, args []string) error {
	var b strings.Builder
	for _, part := range args[1:] {
		n := 1
		if m := times.FindStringSubmatch(part); m != nil {
			n, _ = strconv.Atoi(m[1])
			part = m[2]
		}
		part = octet.ReplaceAllStringFunc(part, func(x string) string {
			n, _ := strconv.ParseUint(x[2:], 16, 8)
			return string([]byte{byte(n)})
		})
		b.WriteString(strings.Repeat(part, n))
	}
	return os.WriteFile(s.MkAbs(args[0]), []byte(b.String()), 0o600)
}

// save NAME json PATH [REGEXP], save NAME header NAME [REGEXP] and save NAME event keep
// a part of the answer in a variable: the first group of the expression, or all.
// event is the id of the AuditEvent of the request.
func (c *conversation) save(s *testscript.TestScript, args []string) error {
	text, err := c.part(append(args[1:], "")[:2])
	if err != nil {
		return err
	}
	if len(args) > 3 {
		m := regexp.MustCompile(args[3]).FindStringSubmatch(text)
		if m == nil {
			return fmt.Errorf("%q does not match", text)
		}
		text = m[len(m)-1]
	}
	if text == "" {
		return fmt.Errorf("there is nothing to save")
	}
	s.Setenv(args[0], text)
	return nil
}

func (c *conversation) part(of []string) (string, error) {
	switch of[0] {
	case "json":
		values, err := c.answer.Find(of[1])
		return strings.Join(values, " "), err
	case "header":
		return c.answer.Header.Get(of[1]), nil
	case "event":
		return c.answer.Event(), nil
	}
	return "", fmt.Errorf("save json, save header or save event")
}

// mark notes what the node holds; unchanged says that it holds the same still.
func (c *conversation) mark(*testscript.TestScript, []string) (err error) {
	c.held, err = c.node.stand()
	return err
}

func (c *conversation) unchanged(*testscript.TestScript, []string) error {
	now, err := c.node.stand()
	if err == nil && now != c.held {
		err = fmt.Errorf("the node changed from %s to %s", c.held, now)
	}
	return err
}

// stand counts the versions in the history of the whole node and the records of
// changes.
func (n *testNode) stand() (string, error) {
	changes, _ := n.node.store.Logs()
	size, err := changes.Size(context.Background())
	if err != nil {
		return "", err
	}
	versions, path := 0, "/_history?_count=1000"
	for system := n.as("system", "HOPERAT"); path != ""; {
		page := system.Get(path).Want(http.StatusOK)
		versions += len(page.Entries())
		path = page.Next()
	}
	return fmt.Sprintf("%d versions and %d records", versions, size), nil
}
