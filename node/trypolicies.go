package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/aceso-health/aceso/policy"
)

// tryFor is how long a check of policies in a process of its own may take.
const tryFor = time.Minute

// TryApart checks policies in a process of its own, which reads them packed from its
// standard input and writes a policy.Trial: policies that loop, or want all memory, end
// that process and nothing else.
func TryApart(program string, arguments ...string) func(context.Context, []byte, bool) policy.Trial {
	turn := make(chan struct{}, 1) // one at a time: others wait
	return func(ctx context.Context, archive []byte, tests bool) policy.Trial {
		ctx, cancel := context.WithTimeout(ctx, tryFor)
		defer cancel()
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return policy.Trial{Problem: "others' policies are being checked: try again"}
		}
		return tryApart(ctx, archive, program, append(arguments, fmt.Sprint(tests))...)
	}
}

func tryApart(ctx context.Context, archive []byte, program string, arguments ...string) (t policy.Trial) {
	child := exec.CommandContext(ctx, program, arguments...)
	child.Env, child.WaitDelay = []string{"GOMAXPROCS=1", "GOTRACEBACK=none"}, time.Second
	child.Stdin = bytes.NewReader(archive)
	out, err := child.Output()
	if err == nil {
		err = json.Unmarshal(out, &t)
	}
	if err != nil {
		return policy.Trial{Problem: fmt.Sprintf("the check of the policies did not end (%v): they take more than %v, or too much memory", err, tryFor)}
	}
	return t
}
