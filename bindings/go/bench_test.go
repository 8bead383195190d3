package eventsource_test

import (
	"fmt"
	"testing"
)

func BenchmarkEvents(b *testing.B) {
	for _, size := range []int{20, 1000} {
		b.Run(fmt.Sprintf("%dBytes", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			stream := open(b, fmt.Sprintf("/blast?bytes=%d&size=%d", b.N*size, size))
			for i := 0; i < b.N; i++ {
				if _, ok := <-stream.Events(); !ok {
					b.Fatal(stream.Err())
				}
			}
		})
	}
}
