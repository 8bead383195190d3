package eventsource

// #include "callbacks.h"
import "C"

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type dialFunc = func(context.Context) (net.Conn, error)

// dialer joins connections that the program makes to those that the library makes: to a Unix domain socket in a folder that
// only this user can enter.
type dialer struct {
	ctx      context.Context
	dial     dialFunc
	listener net.Listener
	folder   string

	mu      sync.Mutex
	failure error
}

func newDialer(ctx context.Context, client *C.eventsource_t, dial dialFunc) (*dialer, error) {
	folder, err := os.MkdirTemp("", "eventsource")
	if err != nil {
		return nil, err
	}
	d := &dialer{ctx: ctx, dial: dial, folder: folder}
	path := filepath.Join(folder, "socket")
	if d.listener, err = net.Listen("unix", path); err != nil {
		d.close()
		return nil, err
	}
	texts, err := cStrings(ErrValue, path)
	if err == nil {
		err = clientError(client, C.eventsource_set_unix_socket(client, texts[0]))
	}
	if err != nil {
		d.close()
		return nil, err
	}
	go d.serve()
	return d, nil
}

// close lets no more connections be made. Those that there are end with the context.
func (d *dialer) close() {
	if d == nil {
		return
	}
	if d.listener != nil {
		d.listener.Close()
	}
	os.RemoveAll(d.folder)
}

// takeFailure is why the last connection could not be made, told once.
func (d *dialer) takeFailure() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	failure := d.failure
	d.failure = nil
	return failure
}

func (d *dialer) serve() {
	for d.ctx.Err() == nil {
		inner, err := d.listener.Accept()
		if err == nil {
			go d.join(inner)
			continue
		}
		// There may be no descriptor at the moment.
		select {
		case <-d.ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (d *dialer) join(inner net.Conn) {
	outer, err := d.dial(d.ctx)
	if err == nil && outer == nil {
		err = refuse(ErrConnect, "the dialer returned no connection")
	}
	if err != nil {
		d.mu.Lock()
		d.failure = err
		d.mu.Unlock()
		// Only now can the library see that there is no connection.
		inner.Close()
		return
	}
	over := make(chan struct{}, 2)
	carry := func(to, from net.Conn) {
		io.Copy(to, from)
		over <- struct{}{}
	}
	go carry(inner, outer)
	go carry(outer, inner)
	select {
	case <-over:
	case <-d.ctx.Done():
	}
	inner.Close()
	outer.Close()
}
