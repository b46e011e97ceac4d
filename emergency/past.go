package emergency

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// At lists the patients of whom an emergency ran at a time, declared by who has a mark
// (agent.Mark), to the second. known is false if cases of that time may have been dropped.
func (d *Desk) At(ctx context.Context, mark string, at time.Time) (patients []string, known bool, err error) {
	const atOnce = 200
	after, end := idTime(at.Add(-Longest-time.Second)), idTime(at)+"~"
	for more := true; more; {
		rows, err := d.Keeper.EachKept(ctx, caseSpace, after, atOnce)
		if err != nil {
			return nil, false, err
		}
		more = len(rows) == atOnce
		for _, row := range rows {
			if after = row.Key; after > end {
				more = false
				break
			}
			var one Case
			if err := json.Unmarshal(row.Value, &one); err != nil {
				return nil, false, fmt.Errorf("read an emergency: %w", err)
			}
			if strings.HasPrefix(one.Key, mark+".") && one.ranAt(at) && !slices.Contains(patients, one.Patient) {
				patients = append(patients, one.Patient)
			}
		}
	}
	return patients, d.Now().Sub(at) < keptFor, nil
}

// ranAt says whether the emergency ran at a time that is over.
func (c *Case) ranAt(at time.Time) bool {
	return !at.Before(c.Declared) && at.Before(c.Until) && (c.Ended == nil || at.Before(*c.Ended))
}
