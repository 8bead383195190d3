/* The program of the other consumers, in a process with another Rust library. */
extern int other_answer(void);
extern int try_eventsource(void);

int main(void) {
    if (other_answer() != 42) return 100;
    return try_eventsource();
}
