/* A token that expires: it is fetched when the server wants another, not for every attempt.
 *
 *     token COMMAND URL     COMMAND prints a token, as `gcloud auth print-access-token` does; ends with the stream
 *
 * on_request runs before each attempt. Its cause says why the attempt is made: after a 401 the library asks once more,
 * at once, and gives up if the server refuses the new token, too. It may take its time: it holds back its own stream only.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include "print.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *command;
    char header[4096]; /* "Bearer …"; empty before the first attempt */
} token_t;

/* Whether COMMAND printed a token. */
static int fetch(token_t *token) {
    size_t prefix = strlen(strcpy(token->header, "Bearer "));
    FILE *output = popen(token->command, "r");
    if (!output) return 0;
    int is_there = fgets(token->header + prefix, (int)(sizeof token->header - prefix), output) != NULL;
    token->header[strcspn(token->header, "\r\n")] = '\0';
    return pclose(output) == 0 && is_there;
}

static eventsource_decision_t on_request(eventsource_t *es, eventsource_request_t *request, void *user) {
    token_t *token = user;
    (void)es;
    eventsource_status_t code;
    int32_t http_status;
    eventsource_request_get_cause(request, &code, &http_status);
    if ((*token->header == '\0' || http_status == 401) && !fetch(token)) {
        fprintf(stderr, "%s: no token\n", token->command);
        return EVENTSOURCE_DECISION_CLOSE; /* without one nothing is sent */
    }
    /* Another origin, to which the server may redirect, does not get to see it. If it is refused, nothing is sent, either. */
    eventsource_request_set_header(request, "Authorization", token->header);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    (void)user;
    print_text(stderr, error->message, error->message_len);
    fputs(error->will_retry ? "\n" : "; giving up\n", stderr);
    return EVENTSOURCE_DECISION_DEFAULT;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "Usage: token COMMAND URL\n");
        return 2;
    }
    token_t token = {.command = argv[1]};
    eventsource_t *es = eventsource_new(argv[2]);
    eventsource_set_user_data(es, &token, NULL);
    eventsource_on_request(es, on_request);
    eventsource_on_event(es, on_event);
    eventsource_on_error(es, on_error);
    eventsource_status_t status = eventsource_run(es); /* what was refused before is told here */
    if (status != EVENTSOURCE_OK) {
        char why[1024] = "";
        eventsource_get_last_error(es, why, sizeof why, NULL);
        fprintf(stderr, "%s: %s\n", argv[2], why);
    }
    eventsource_free(es);
    return status == EVENTSOURCE_OK ? 0 : 1;
}
