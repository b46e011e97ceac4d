package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/node"
)

// twoDays is a stopped folder as it was yesterday and as it is today, and the
// receipts that a client got today.
type twoDays struct {
	yesterday, today, witness string
	early                     string // yesterday's receipt
	read, write               string // today's
}

// newTwoDays works on two days. If no checkpoint can be made today, the records of
// today are covered by none.
func newTwoDays(t *testing.T, checkpoints bool) twoDays {
	t.Helper()
	d := twoDays{today: t.TempDir(), witness: t.TempDir()}
	witnessed := func(o *node.Options) { o.Witness = d.witness }
	n := startNode(t, d.today, witnessed)
	twoPatients(n)
	d.early = n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200).Receipt().String()
	n.stop()
	d.yesterday = copyFolder(t, d.today)
	n = startNode(t, d.today, witnessed)
	if !checkpoints {
		breakCheckpoints(t, d.today)
	}
	d.write = n.as("practitioner", "TREAT").Put("/Patient/p1", patientJSON("p1", "Today")).Want(200).Receipt().String()
	d.read = n.as("practitioner", "TREAT").Get("/Patient/p2").Want(200).Receipt().String()
	n.Server.Close()
	if err := n.node.Close(); checkpoints && err != nil {
		t.Fatal(err)
	}
	n.node = nil
	return d
}

// breakCheckpoints keeps a node of this process from writing checkpoints.
func breakCheckpoints(t *testing.T, dir string) {
	t.Helper()
	if closeFile(t, filepath.Join(dir, local.FileName)) == 0 {
		t.Fatal("the checkpoints are not open")
	}
}

// restore puts files of another folder into a copy of this one.
func restore(t *testing.T, into, from string, files ...string) string {
	t.Helper()
	dir := copyFolder(t, into)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(from, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, rest := range []string{"-wal", "-shm"} {
			if err := os.Remove(filepath.Join(dir, f+rest)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// verifyWants runs verify log with flags and checks exit code and what it says.
func verifyWants(t *testing.T, dir string, want int, says string, flags ...string) {
	t.Helper()
	var out bytes.Buffer
	code := run(append([]string{"verify", "log", "--data", dir}, flags...), &out, &out)
	if code != want || !strings.Contains(out.String(), says) {
		t.Errorf("verify log %q: exit %d, want %d and %q\n%s", flags, code, want, says, out.String())
	}
}

// startRefused checks that the binary does not serve a folder, and says why.
func startRefused(t *testing.T, dir, says string, flags ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "aceso", serveProcess(dir, flags...).Args[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), says) || strings.Contains(string(out), "listening") {
		t.Errorf("serve: %v, want exit %d and %q\n%s", err, exitFailed, says, out)
	}
}

// The last records, which no checkpoint covers yet, can be cut off or done over
// unseen, but for the client who holds their receipt.
func TestRowsAfterTheLastCheckpointAreFoundByReceipt(t *testing.T) {
	d := newTwoDays(t, false)
	verifyWants(t, d.today, 0, "", "--receipt", d.early, "--receipt", d.read, "--receipt", d.write)
	cut := copyFolder(t, d.today)
	edit(t, filepath.Join(cut, "access.db"), func(c *sqlite.Conn) bool {
		query(t, c, "DELETE FROM parts WHERE id >> 16 = (SELECT max(seq) FROM entries)", nil)
		query(t, c, "DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)", nil)
		query(t, c, "ATTACH '"+filepath.Join(d.yesterday, "access.db")+"' AS old", nil)
		query(t, c, "REPLACE INTO tiles SELECT * FROM old.tiles", nil) // hashes are kept there too
		return true
	})
	again := copyFolder(t, d.yesterday) // the same keys make other records at the same places
	n := startNode(t, again)
	breakCheckpoints(t, again)
	n.as("practitioner", "TREAT").Put("/Patient/p1", patientJSON("p1", "Other")).Want(200)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	n.Server.Close()
	_ = n.node.Close() // the last checkpoints cannot be written
	n.node = nil
	for name, c := range map[string]struct {
		dir      string
		receipts []string
		says     string
	}{
		"last row cut off":       {cut, []string{d.read}, "missing"},
		"both databases of then": {restore(t, d.today, d.yesterday, "aceso.db", "access.db"), []string{d.read, d.write}, "missing"},
		"done over":              {again, []string{d.read, d.write}, "replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			verifyWants(t, c.dir, 0, "ok")
			verifyWants(t, c.dir, 0, "ok", "--receipt", d.early)
			for _, r := range c.receipts {
				file := "access.db"
				if strings.Contains(r, "/changes.0/") {
					file = "aceso.db"
				}
				verifyWants(t, c.dir, 1, file+" entries, row ", "--receipt", d.early, "--receipt", r)
				verifyWants(t, c.dir, 1, c.says, "--receipt", r)
			}
		})
	}
	verifyWants(t, d.today, 2, "receipt", "--receipt", "nonsense")
	verifyWants(t, d.today, 2, "is not for", "--receipt", strings.Replace(d.read, "hospital/", "elsewhere/", 1))
}

// Checkpoints can be cut off together with the rows that they cover, or alone:
// whoever has the witness's copy finds it, and a node with a witness does not start.
func TestCutCheckpointsAreFoundByWitness(t *testing.T) {
	d := newTwoDays(t, true)
	kept := local.WitnessFile(d.witness, "hospital", "n1")
	for _, witness := range []string{kept, d.witness} {
		verifyWants(t, d.today, 0, "ok", "--witness", witness)
	}
	text, err := os.ReadFile(filepath.Join(d.today, local.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if copied, err := os.ReadFile(kept); err != nil || !bytes.Equal(copied, text) {
		t.Errorf("the witness holds %d bytes of %d (%v)", len(copied), len(text), err)
	}
	shorter := copyFolder(t, d.today)
	end := bytes.LastIndex(text, []byte("\nrecord ")) + 1
	if err := os.WriteFile(filepath.Join(shorter, local.FileName), text[:end], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"last checkpoint": shorter, "the whole folder of then": copyFolder(t, d.yesterday)} {
		t.Run(name, func(t *testing.T) {
			if point := filepath.Join(dir, "verified"); dir == shorter { // what was verified tells, too, if it is left there
				verifyWants(t, dir, 1, "cut off")
				startRefused(t, dir, "cut off")
				if err := os.Remove(point); err != nil {
					t.Fatal(err)
				}
			}
			verifyWants(t, dir, 0, "ok")
			verifyWants(t, dir, 1, "cut off", "--witness", kept)
			verifyWants(t, dir, 1, "cut off", "--witness", d.witness)
			startRefused(t, dir, "witness", "--witness", d.witness)
		})
	}
	verifyWants(t, d.today, 2, "witness", "--witness", filepath.Join(d.witness, "absent"))
}

// Yesterday's databases do not go with today's checkpoints.
func TestYesterdaysDatabaseIsRefused(t *testing.T) {
	d := newTwoDays(t, true)
	for _, files := range [][]string{{"access.db"}, {"aceso.db"}, {"aceso.db", "access.db"}} {
		t.Run(strings.Join(files, " "), func(t *testing.T) {
			dir := restore(t, d.today, d.yesterday, files...)
			verifyWants(t, dir, 1, "tampered: "+files[0])
			startRefused(t, dir, "aceso serve: hospital/n1/")
		})
	}
}

// A row that is written again, at another place or into another log, is refused.
func TestReplayedRowIsRefused(t *testing.T) {
	d := newTwoDays(t, false)
	const columns = "time, agent, action, outcome, salt, commitment, entry"
	const parts = "patient, target, key, erased_by, salt, commitment, sealed"
	for name, c := range map[string]struct {
		edits []string
		start bool // found at start, too: after the last checkpoint
	}{
		"an old row at the end": {[]string{
			"INSERT INTO parts (id, " + parts + ") SELECT ((SELECT max(seq) + 1 FROM entries) << 16) + (id & 65535), " + parts + " FROM parts WHERE id >> 16 = 0",
			"INSERT INTO entries (seq, " + columns + ") SELECT (SELECT max(seq) + 1 FROM entries), " + columns + " FROM entries WHERE seq = 0",
		}, true},
		"an old row in the place of the last": {[]string{
			"DELETE FROM parts WHERE id >> 16 = (SELECT max(seq) FROM entries)",
			"INSERT INTO parts (id, " + parts + ") SELECT ((SELECT max(seq) FROM entries) << 16) + (id & 65535), " + parts + " FROM parts WHERE id >> 16 = 0",
			"REPLACE INTO entries (seq, " + columns + ") SELECT (SELECT max(seq) FROM entries), " + columns + " FROM entries WHERE seq = 0",
		}, true},
		"a row of the other log": {[]string{
			"ATTACH 'aceso.db' AS other",
			"INSERT INTO parts (id, " + parts + ") SELECT ((SELECT max(seq) + 1 FROM entries) << 16) + (id & 65535), " + parts + " FROM other.parts WHERE id >> 16 = 0",
			"INSERT INTO entries (seq, " + columns + ") SELECT (SELECT max(seq) + 1 FROM entries), " + columns + " FROM other.entries WHERE seq = 0",
		}, true},
		"a checkpointed row at another place": {[]string{
			"DELETE FROM parts WHERE id >> 16 = 0",
			"REPLACE INTO entries (seq, " + columns + ") SELECT 0, " + columns + " FROM entries WHERE seq = (SELECT max(seq) FROM entries)",
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, d.today)
			edit(t, filepath.Join(dir, "access.db"), func(conn *sqlite.Conn) bool {
				for _, q := range c.edits {
					query(t, conn, strings.Replace(q, "'aceso.db'", "'"+filepath.Join(dir, "aceso.db")+"'", 1), nil)
				}
				return true
			})
			verifyWants(t, dir, 1, "access.db")
			if c.start {
				startRefused(t, dir, "hospital/n1/accesses.0")
			}
		})
	}
}

// Checkpoints that were removed are missed.
func TestRemovedCheckpoints(t *testing.T) {
	dir := t.TempDir()
	missed := func() bool {
		var log bytes.Buffer
		n := startNode(t, dir, func(o *node.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		n.as("system", "HOPERAT").Get("/Patient?_count=1").Want(200)
		n.stop()
		return strings.Contains(log.String(), "has no checkpoint")
	}
	for range 2 {
		if missed() {
			t.Error("checkpoints are missed that are there")
		}
	}
	if err := os.Remove(filepath.Join(dir, "checkpoints.log")); err != nil {
		t.Fatal(err)
	}
	if !missed() {
		t.Error("nothing is missed")
	}
}
