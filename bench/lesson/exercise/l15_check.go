package exercise

import (
	"context"
	"fmt"
	"time"

	"iomodels/bench/lab"
)

// check15 lets connections come to eight workers, as rows 8 and 9 of the lab do.
func check15(choose func() (share bool, flags uint32)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	share, flags := choose()
	empty, busiest, conns, err := lab.Herd(ctx, share, flags)
	switch {
	case err != nil:
		return err
	case empty > 0:
		return fmt.Errorf("%d accepts found nothing", empty)
	case busiest > conns/2:
		return fmt.Errorf("one worker has %d of %d connections", busiest, conns)
	}
	return nil
}
