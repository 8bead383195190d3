package eventsource

// #include "callbacks.h"
import "C"

import "runtime"

// Cookies is a jar of cookies, in memory. Streams that are given it with [WithCookies] keep in it what servers set, and send it
// back by the rules of RFC 6265. Any number of streams can share one, and any goroutine use it.
type Cookies struct {
	// A client that is never started: a jar belongs to the clients that use it.
	client *C.eventsource_t
}

// NewCookies makes an empty jar.
func NewCookies() (*Cookies, error) {
	texts, err := cStrings(ErrURL, "http://localhost/")
	if err != nil {
		return nil, err
	}
	client := C.eventsource_new(texts[0])
	if client == nil {
		return nil, asError(C.EVENTSOURCE_ERR_MEMORY)
	}
	if err := clientError(client, C.eventsource_set_cookies(client, 1)); err != nil {
		C.eventsource_free(client)
		return nil, err
	}
	cookies := &Cookies{client}
	runtime.SetFinalizer(cookies, func(c *Cookies) { C.eventsource_free(c.client) })
	return cookies, nil
}

// Add adds the cookies of a text, such as [Cookies.Text] of an earlier process: all of them, or none and an error.
func (c *Cookies) Add(text string) error {
	defer runtime.KeepAlive(c)
	texts, err := cStrings(ErrValue, text)
	if err != nil {
		return err
	}
	return clientError(c.client, C.eventsource_add_cookies(c.client, texts[0]))
}

// Text is all cookies in the format of cookies.txt, which curl reads and writes, too. They are secrets.
func (c *Cookies) Text() string {
	defer runtime.KeepAlive(c)
	return copied(func(buffer *C.char, capacity C.size_t, length *C.size_t) C.eventsource_status_t {
		return C.eventsource_get_cookies(c.client, buffer, capacity, length)
	})
}
