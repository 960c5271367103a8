package guard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Log passes a library's messages on to the server's log, one a second at most: a library may
// write one for every connection that is reset, and several for every accept that fails. It has
// the methods of a gnet logger, and is an io.Writer for those that want a stream.
type Log struct {
	To   *slog.Logger
	Name string // of the library

	mu      sync.Mutex
	last    string // the last error
	at      time.Time
	dropped int
}

// logEvery is how often a message is passed on.
const logEvery = time.Second

// Write implements io.Writer for log.Logger: one call is one message, with date and prefix.
func (l *Log) Write(message []byte) (int, error) {
	text := strings.TrimSpace(string(message))
	if _, after, ok := strings.Cut(text, strings.ToUpper(l.Name)+": "); ok {
		text = after
	}
	l.note(slog.LevelWarn, text)
	return len(message), nil
}

func (l *Log) note(level slog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if level == slog.LevelError {
		l.last = text
	}
	if !l.To.Enabled(context.Background(), level) {
		return
	}
	if time.Since(l.at) < logEvery {
		l.dropped++
		return
	}
	l.To.Log(context.Background(), level, l.Name+": "+text, "messages_dropped_before", l.dropped)
	l.at, l.dropped = time.Now(), 0
}

// LastError returns the last message of a failure, or "": gnet ends without saying why.
func (l *Log) LastError() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Debugf and the others implement gnet's logger.
func (l *Log) Debugf(format string, args ...any) {
	l.note(slog.LevelDebug, fmt.Sprintf(format, args...))
}

// Infof notes what is usual.
func (l *Log) Infof(format string, args ...any) { l.note(slog.LevelInfo, fmt.Sprintf(format, args...)) }

// Warnf notes what ends a connection.
func (l *Log) Warnf(format string, args ...any) { l.note(slog.LevelWarn, fmt.Sprintf(format, args...)) }

// Errorf notes a failure.
func (l *Log) Errorf(format string, args ...any) {
	l.note(slog.LevelError, fmt.Sprintf(format, args...))
}

// Fatalf does not end the process: a library must not.
func (l *Log) Fatalf(format string, args ...any) { l.Errorf(format, args...) }
