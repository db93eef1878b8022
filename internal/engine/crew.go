package engine

import "sync/atomic"

// crew runs attempts on goroutines that are used again: a new one would have to grow its stack anew for each attempt,
// which costs as much as signing the request.
type crew struct {
	jobs chan func()
	idle atomic.Int32
}

// maxIdle is how many goroutines wait for the next attempt.
const maxIdle = 256

// run starts a job at once, on a goroutine that waits or on a new one.
func (c *crew) run(job func()) {
	select {
	case c.jobs <- job:
	default:
		go c.work(job)
	}
}

func (c *crew) work(job func()) {
	for job != nil {
		job()
		if c.idle.Add(1) > maxIdle {
			c.idle.Add(-1)
			return
		}
		job = <-c.jobs
		c.idle.Add(-1)
	}
}

// dismiss ends those that wait; nobody may call run any more.
func (c *crew) dismiss() { close(c.jobs) }
