package search

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// costly is from how much work on it is worth while to avoid a second search.
const costly = 100 * store.RowSteps

// spending counts the steps of one search or history.
type spending struct {
	steps int64 // so far
	told  int64 // of these, how many work knows of
	most  int64
	work  *store.Work

	refusal string // the sentence for what would be too much
}

func budget(rows int, w *store.Work, refusal string) spending {
	return spending{most: int64(cmp.Or(rows, maxExamined)) * store.RowSteps, work: w, refusal: refusal}
}

// spend refuses what would be too much.
func (s *spending) spend(ctx context.Context, steps int) error {
	if s.steps += int64(steps); s.steps > s.most {
		return TooCostly(fmt.Sprintf("%s It may examine %d.", s.refusal, s.most/store.RowSteps))
	}
	if err := s.work.Spend(ctx, s.steps-s.told); err != nil {
		return err
	}
	s.told = s.steps
	return ctx.Err()
}

// leaves says whether so many steps are left.
func (s *spending) leaves(steps int64) bool {
	left := s.most - s.steps
	for w := s.work; w != nil; w = w.Of {
		left = min(left, w.Left)
	}
	return left >= steps
}

// TooCostly refuses a request that would read too much.
func TooCostly(detail string) error {
	return &fhir.Error{Kind: fhir.TooCostly, Detail: detail}
}
