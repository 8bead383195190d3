// A peer of parsers.py: Go's tmaxmax/go-sse. For input and output see libeventsource.c.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/tmaxmax/go-sse"
)

// Hands over one chunk for each read.
type chunks [][]byte

func (c *chunks) Read(buffer []byte) (int, error) {
	if len(*c) == 0 {
		return 0, io.EOF
	}
	n := copy(buffer, (*c)[0])
	if (*c)[0] = (*c)[0][n:]; len((*c)[0]) == 0 {
		*c = (*c)[1:]
	}
	return n, nil
}

// The texts stay bytes (in JSON: base64), for JSON would replace what is malformed in its own way.
type found struct {
	Events [][3][]byte `json:"events"`
}

func parse(stream chunks) found {
	result := found{Events: [][3][]byte{}}
	for event, err := range sse.Read(&stream, &sse.ReadConfig{MaxEventSize: 16 << 20}) {
		if err != nil {
			log.Fatal(err)
		}
		result.Events = append(result.Events, [3][]byte{[]byte(event.Type), []byte(event.Data), []byte(event.LastEventID)})
	}
	return result
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	readNumber := func() (number uint32, err error) {
		err = binary.Read(in, binary.LittleEndian, &number)
		return
	}
	for {
		count, err := readNumber()
		if err == io.EOF {
			return
		}
		var stream chunks
		for ; count > 0 && err == nil; count-- {
			var length uint32
			length, err = readNumber()
			chunk := make([]byte, length)
			if _, failed := io.ReadFull(in, chunk); failed != nil {
				err = failed
			}
			stream = append(stream, chunk)
		}
		if err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(parse(stream)); err != nil {
			log.Fatal(err)
		}
	}
}
