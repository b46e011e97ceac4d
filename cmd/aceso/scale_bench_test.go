package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
)

// mostImported is how many resources are imported at most.
const mostImported = 1_000_000

// BenchmarkScale prints what imports, the memory after one, and the checks of everything come
// to with up to ACESO_BENCH_SCALE resources: as lines of the table of the same name in node.
func BenchmarkScale(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("ACESO_BENCH_SCALE"))
	if err != nil || size < 10_000 {
		b.Skip("SKIPPED: set ACESO_BENCH_SCALE=3200000, or fewer resources from 10000 on")
	}
	fmt.Println("\n| store | what | bar | figure | |\n|---|---|---|---|---|")
	b.Run("synthea", func(b *testing.B) {
		n := startChild(b, b.TempDir())
		rate, cpu := timedImport(b, n, synthea(b), 32_166)
		scaleRow("import of 100 Synthea patients", ">= 7000 resources/s", fmt.Sprintf("%.0f/s, CPU of the server %.2f ms each", rate, cpu), rate >= 7000)
	})
	b.Run("million", func(b *testing.B) { afterImport(b, min(size, mostImported)) })
}

func scaleRow(what, bar, figure string, met bool) {
	fmt.Printf("| SQLite | %s | %s | %s | %s |\n", what, bar, figure, map[bool]string{true: "met", false: "missed"}[met])
}

// timedImport imports a folder: resources a second, and milliseconds of the server's processor.
func timedImport(b *testing.B, n *childNode, folder string, resources int) (rate, cpu float64) {
	b.Helper()
	used, start := n.used(), time.Now()
	importAll(b, n.testNode, n.Server.URL, folder)
	return float64(resources) / time.Since(start).Seconds(), (n.used() - used).Seconds() * 1000 / float64(resources)
}

// afterImport measures a node that has imported so much: its memory, and the checks.
func afterImport(b *testing.B, size int) {
	dir := b.TempDir()
	n := startChild(b, dir)
	rate, cpu := timedImport(b, n, wardFiles(b, size/nodetest.UsualWard.PerPatient()), size)
	most := n.memory("VmHWM")
	time.Sleep(time.Minute)
	rest := n.memory("VmRSS")
	scaleRow(fmt.Sprintf("memory a minute after an import of %d resources", size), "<= 150 MB", fmt.Sprintf("%d MB, most %d MB; %.0f resources/s, CPU %.2f ms each", rest, most, rate, cpu), rest <= 150)
	n.terminate()
	for _, check := range [][]string{{"verify", "log", "--all"}, {"store", "check", "--all"}} {
		c := exec.Command("aceso", append(check, "--data", dir)...)
		start := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", strings.Join(check, " "), err, out)
		}
		each, state := time.Since(start).Seconds()*1e6/float64(size), c.ProcessState
		scaleRow(fmt.Sprintf("`aceso %s`, %d resources, for 1,000,000", strings.Join(check, " "), size), "<= 60 s",
			fmt.Sprintf("%.0f s, CPU %.0f s, most memory %d MB", each, (state.UserTime()+state.SystemTime()).Seconds()*1e6/float64(size), state.SysUsage().(*syscall.Rusage).Maxrss/1000), each <= 60)
	}
}

// wardFiles are transactions of so many patients.
func wardFiles(b *testing.B, patients int) string {
	b.Helper()
	dir := b.TempDir()
	for p := range patients {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json", p)), []byte(nodetest.UsualWard.Bundle(p)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// memory is a line of the status of the process, in MB.
func (c *childNode) memory(line string) int {
	c.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.T.Fatal(err)
	}
	_, rest, _ := bytes.Cut(status, []byte(line+":"))
	kilobytes, err := strconv.Atoi(strings.Fields(string(rest))[0])
	if err != nil {
		c.T.Fatal(err)
	}
	return kilobytes / 1000
}

// used is the processor's time of the process.
func (c *childNode) used() time.Duration {
	c.T.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.T.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):])) // 14 and 15 of all: hundredths of a second
	user, err := strconv.Atoi(fields[12])
	if err != nil {
		c.T.Fatal(err)
	}
	system, err := strconv.Atoi(fields[13])
	if err != nil {
		c.T.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
