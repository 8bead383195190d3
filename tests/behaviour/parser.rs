//! The parser against the rules of the WHATWG HTML standard, sections 9.2.5 and 9.2.6, and against its own promises:
//! nothing depends on how the input is cut, no allocation per event, bounded memory, linear time. Each test has a limit of its own, because
//! a parser that made no progress would keep the test's thread.

use crate::allocations::Allocations;
use crate::common::Deadline;
use crate::naive::{Got, comment, event, last_id, message, naive};
use eventsource::parser::{Item, Parser, Refused, Sink};
use std::ops::ControlFlow;
use std::time::Duration;

// ---- the rules of the standard ------------------------------------------------------------------

#[test]
fn a_blank_line_dispatches_the_event() {
    check("data: a\n\n", [message("a")]);
    check("data: a\n\ndata: b\n\n", [message("a"), message("b")]);
}

#[test]
fn an_event_without_its_blank_line_is_not_dispatched() {
    check("data: a\n\ndata: b\n", [message("a")]);
    check("data: a\n\ndata: b", [message("a")]);
    check("data: a\n\nid: 1\nretry", [message("a")]);
}

#[test]
fn an_empty_stream_has_no_events() {
    check("", []);
    check("\n", []);
    check("\n\r\n\r\r\n", []);
}

#[test]
fn one_leading_bom_is_removed() {
    check("\u{FEFF}data: a\n\n", [message("a")]);
    check("\u{FEFF}: a\n", [comment("a")]);
    check("\u{FEFF}\n", []);
    check("\u{FEFF}", []);
}

#[test]
fn a_second_bom_belongs_to_the_field_name() {
    check("\u{FEFF}\u{FEFF}data: a\n\n", []);
}

#[test]
fn a_bom_later_in_the_stream_is_text() {
    check("data: \u{FEFF}a\n\n", [message("\u{FEFF}a")]);
    check(
        "data: a\n\n\u{FEFF}data: b\n\ndata: c\n\n",
        [message("a"), message("c")],
    );
    check("\n\u{FEFF}data: a\n\n", []);
}

#[test]
fn a_part_of_a_bom_belongs_to_the_field_name() {
    check(b"\xEFdata: a\n\n", []);
    check(b"\xEF\xBBdata: a\n\n", []);
    check(b"\xEF\xBB:a\n\xEF\xBB\xBF:b\n", []);
    check(b"\xEF\xBB\ndata: a\n\n", [message("a")]);
    check(b"\xEF\ndata: a\n\n", [message("a")]);
}

#[test]
fn lf_ends_a_line() {
    check("data: a\ndata: b\n\n", [message("a\nb")]);
}

#[test]
fn cr_alone_ends_a_line() {
    check("data: a\rdata: b\r\r", [message("a\nb")]);
}

#[test]
fn crlf_ends_one_line() {
    check("data: a\r\ndata: b\r\n\r\n", [message("a\nb")]);
}

#[test]
fn line_endings_mix() {
    check("data: a\r\ndata: b\rdata: c\n\r", [message("a\nb\nc")]);
    check(
        "data: a\n\rdata: b\r\n\ndata: c\r\r\n",
        [message("a"), message("b"), message("c")],
    );
    check("data: a\r\r\ndata: b\n\n", [message("a"), message("b")]);
}

#[test]
fn a_line_that_ends_in_cr_is_processed_at_once() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    assert_eq!(items(&mut parser, b"data: a\r\r"), [message("a")]);
    assert_eq!(items(&mut parser, b"\n"), []);
    assert_eq!(items(&mut parser, b"retry: 5\r"), [Got::Retry(5)]);
    assert_eq!(items(&mut parser, b""), []);
    assert_eq!(items(&mut parser, b"\n:b\r"), [comment("b")]);
}

#[test]
fn only_cr_and_lf_end_lines() {
    for other in [
        "\u{0B}", "\u{0C}", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\u{1E}",
    ] {
        check(
            format!("data: a{other}data: b\n\n"),
            [message(&format!("a{other}data: b"))],
        );
    }
}

#[test]
fn data_values_are_joined_by_lf() {
    check("data: a\ndata: b\ndata: c\n\n", [message("a\nb\nc")]);
    check("data: a\ndata:\ndata\ndata: b\n\n", [message("a\n\n\nb")]);
}

#[test]
fn only_the_last_lf_of_the_data_is_removed() {
    check("data: a\ndata\n\n", [message("a\n")]);
    check("data\ndata\n\n", [message("\n")]);
}

#[test]
fn an_empty_data_field_dispatches_an_empty_event() {
    check("data:\n\n", [message("")]);
    check("data: \n\n", [message("")]);
}

#[test]
fn a_line_without_colon_is_a_field_without_value() {
    check("data\n\n", [message("")]);
    check("event: a\nevent\ndata\n\n", [message("")]);
    check("id: 1\n\nid\n\n", [last_id("1"), last_id("")]);
    check("retry\n", []);
}

#[test]
fn a_block_without_data_is_not_dispatched() {
    check("event: a\n\n", []);
    check(
        "event: a\nretry: 1\nfoo: bar\n: b\n\n",
        [Got::Retry(1), comment("b")],
    );
}

#[test]
fn one_leading_space_of_a_value_is_removed() {
    check("data:a\n\n", [message("a")]);
    check("data: a\n\n", [message("a")]);
    check("data:  a \n\n", [message(" a ")]);
    check(
        "data:\n\ndata: \n\ndata:  \n\n",
        [message(""), message(""), message(" ")],
    );
    check("event: a\ndata\n\n", [event("a", "")]);
    check("event:  a\ndata\n\n", [event(" a", "")]);
    check("id:  1\n\n", [last_id(" 1")]);
}

#[test]
fn no_other_white_space_is_removed() {
    check("data:\ta\n\n", [message("\ta")]);
    check("data:\u{A0}a\n\n", [message("\u{A0}a")]);
    check("data :a\n data:b\n\n", []);
}

#[test]
fn a_value_may_contain_colons() {
    check("data:a:b\n\n", [message("a:b")]);
    check("data::\n\n", [message(":")]);
    check("data: : \n\n", [message(": ")]);
}

#[test]
fn field_names_are_case_sensitive() {
    check("Data: a\nDATA: b\nEvent: c\nID: 1\nRetry: 5\n\n", []);
}

#[test]
fn unknown_fields_are_ignored() {
    check("foo: a\ndata: b\nbar\nx:\n\n", [message("b")]);
    check(
        "d: a\ndat: b\ndatas: c\ndataa\nevents: d\ni: 1\nids: 1\nretryy: 5\nretr: 5\n\n",
        [],
    );
    check("\0data: a\n\n", []);
    check(
        "an unknown: field with a name that is long: data: a\ndata: b\n\n",
        [message("b")],
    );
}

#[test]
fn a_known_name_inside_an_unknown_one_is_ignored() {
    check(
        "xdata: a\nx data: b\neventdata: c\neventx:data: d\ndata: e\n\n",
        [message("e")],
    );
}

#[test]
fn a_line_that_starts_with_a_colon_is_a_comment() {
    check(": a\n", [comment("a")]);
    check(
        ":\n:a\n:  b \n::\n",
        [comment(""), comment("a"), comment(" b "), comment(":")],
    );
    check(":data: a\n\n", [comment("data: a")]);
}

#[test]
fn a_comment_inside_an_event_does_not_touch_it() {
    check("data: a\n: b\ndata: c\n\n", [comment("b"), message("a\nc")]);
    check(
        "id: 1\n: b\ndata: c\n\n",
        [comment("b"), last_id("1"), message("c").with_id("1")],
    );
}

#[test]
fn a_field_named_comment_is_unknown() {
    check("comment: a\ncomment\n\n", []);
}

#[test]
fn event_sets_the_type() {
    check("event: a\ndata: b\n\n", [event("a", "b")]);
    check("data: b\nevent: a\n\n", [event("a", "b")]);
    check("event: message\ndata\n\n", [message("")]);
}

#[test]
fn the_last_event_field_counts() {
    check("event: long\nevent: b\ndata: c\n\n", [event("b", "c")]);
    check("event: a\nevent:\ndata: c\n\n", [message("c")]);
}

#[test]
fn the_type_is_forgotten_at_the_blank_line() {
    check(
        "event: a\ndata: b\n\ndata: c\n\n",
        [event("a", "b"), message("c")],
    );
    check("event: a\n\ndata: c\n\n", [message("c")]);
}

#[test]
fn an_id_holds_for_later_events() {
    check(
        "id: 1\ndata: a\n\ndata: b\n\n",
        [
            last_id("1"),
            message("a").with_id("1"),
            message("b").with_id("1"),
        ],
    );
}

#[test]
fn an_id_counts_from_the_blank_line() {
    check(
        "id: 1\ndata: a\nid: 2\n\n",
        [last_id("2"), message("a").with_id("2")],
    );
    check("data: a\nid: 1\n", []);
}

#[test]
fn a_block_without_data_commits_its_id() {
    check(
        "id: 1\n\ndata: a\n\n",
        [last_id("1"), message("a").with_id("1")],
    );
}

#[test]
fn an_empty_id_clears_the_last_event_id() {
    check(
        "id: 1\n\nid:\ndata: a\n\n",
        [last_id("1"), last_id(""), message("a")],
    );
    check("id\ndata: a\n\n", [message("a")]);
}

#[test]
fn an_id_with_nul_is_ignored() {
    check(
        "id: \0\n\nid: 1\0\n\nid: \x001\ndata: a\n\n",
        [message("a")],
    );
    check(
        "id: 1\nid: a\0b\ndata: a\n\n",
        [last_id("1"), message("a").with_id("1")],
    );
    check(
        "id: 1\n\nid: 2\0\n\ndata: a\n\n",
        [last_id("1"), message("a").with_id("1")],
    );
}

#[test]
fn an_id_is_reported_only_when_it_changes() {
    check(
        "id: 1\n\nid: 1\n\nid: 2\nid: 1\n\nid: 2\n\n",
        [last_id("1"), last_id("2")],
    );
}

#[test]
fn data_and_type_may_contain_nul() {
    check("event: a\0b\ndata: \0c\0\n\n", [event("a\0b", "\0c\0")]);
    check(": a\0b\n", [comment("a\0b")]);
}

#[test]
fn retry_takes_effect_at_its_line_and_needs_no_data() {
    check("retry: 1500\n", [Got::Retry(1500)]);
    check("data: a\nretry:7\n\n", [Got::Retry(7), message("a")]);
    check("retry: 0\nretry: 007\n", [Got::Retry(0), Got::Retry(7)]);
}

#[test]
fn retry_takes_ascii_digits_only() {
    for value in [
        "", " ", "+5", "-5", "5.0", "5s", "0x5", "5 ", "  5", "5 5", "a5", "5\0", "\u{0665}",
        "\u{FF15}",
    ] {
        check(format!("retry: {value}\n"), []);
    }
    check(b"retry: 5\xFF\nretry: \xFF5\n", []);
}

#[test]
fn a_large_retry_saturates() {
    check("retry: 18446744073709551615\n", [Got::Retry(u64::MAX)]);
    check("retry: 18446744073709551616\n", [Got::Retry(u64::MAX)]);
    check(
        "retry: 99999999999999999999999999999999\n",
        [Got::Retry(u64::MAX)],
    );
}

#[test]
fn text_in_many_scripts_arrives_unchanged() {
    check(
        "event: größe\nid: №7\ndata: 漢字 😀\n: ñ\n\n",
        [
            comment("ñ"),
            last_id("№7"),
            event("größe", "漢字 😀").with_id("№7"),
        ],
    );
}

#[test]
fn malformed_utf8_becomes_u_fffd() {
    check(b"data: a\xFFb\n\n", [message("a\u{FFFD}b")]);
    check(
        b"event: \xC0\xAF\nid: \x80\ndata\n: \xFE\n\n",
        [
            comment("\u{FFFD}"),
            last_id("\u{FFFD}"),
            event("\u{FFFD}\u{FFFD}", "").with_id("\u{FFFD}"),
        ],
    );
    check(
        b"data: a\xFF\ndata: b\ndata: \xFFc\n\n",
        [message("a\u{FFFD}\nb\n\u{FFFD}c")],
    );
}

#[test]
fn a_maximal_subpart_becomes_one_u_fffd() {
    for malformed in [
        &b"\xF0\x9F\x98"[..],         // cut off after three of four bytes
        b"\xF0\x9F\x98\xF0\x9F\x98A", // twice
        b"\xE6\xBC",
        b"\xED\xA0\x80",     // a surrogate
        b"\xF4\x90\x80\x80", // beyond U+10FFFF
        b"\xF0\x80\x80\x80", // overlong
        b"\xC3\xC3\xA9",
        b"\xE6\xBC\xA2\xE6\xBC\xFF\xE6\xBC\xA2",
    ] {
        let input = [b"data: ", malformed, b"\n\n"].concat();
        check(input, [message(&String::from_utf8_lossy(malformed))]);
    }
}

#[test]
fn a_line_ending_cuts_a_character_short() {
    check(
        b"data: \xF0\x9F\n\ndata: \x98\x80\n\n",
        [message("\u{FFFD}"), message("\u{FFFD}\u{FFFD}")],
    );
    check(b"data: \xE6\r\r", [message("\u{FFFD}")]);
}

#[test]
fn malformed_field_names_are_unknown() {
    check(b"\xFFdata: a\ndata\xFF: b\n\xFF\n\n", []);
}

#[test]
fn any_input_gives_what_a_naive_reading_of_the_standard_gives() {
    let _deadline = Deadline::new();
    const FRAGMENTS: [&[u8]; 40] = [
        b"\n",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b":",
        b":",
        b": ",
        b" ",
        b"data",
        b"data:",
        b"data: ",
        b"data: x\n\n",
        b"event",
        b"event:",
        b"event: ",
        b"id",
        b"id:",
        b"id: ",
        b"id: 1",
        b"retry",
        b"retry: ",
        b"12",
        b"999999999999999999999",
        b"\0",
        b"\xEF\xBB\xBF",
        b"\xEF\xBB",
        b"\xEF",
        b"\xBF",
        b"\xF0\x9F",
        b"\x98\x80",
        b"\xED\xA0",
        b"\xFF",
        "é".as_bytes(),
        "漢".as_bytes(),
        b"unknown",
        b"a",
    ];
    let mut random = Random(0x5EED);
    for _ in 0..20_000 {
        let count = random.below(30);
        let input: Vec<u8> = (0..count)
            .flat_map(|_| FRAGMENTS[random.below(FRAGMENTS.len())])
            .copied()
            .collect();
        let expected = naive(&input, "");
        assert_eq!(parse([&input[..]]), expected, "{}", input.escape_ascii());
        let pieces = random.cut(&input);
        assert_eq!(parse(pieces.iter().copied()), expected, "{}", show(&pieces));
    }
}

// ---- streams after streams ----------------------------------------------------------------------

#[test]
fn reset_drops_the_unfinished_event() {
    let _deadline = Deadline::new();
    for unfinished in [
        "data: a\n",
        "data: a",
        "event: a\n",
        "event: a",
        "da",
        ": a",
        "id: 7\n",
        "id: 7",
        "retry: 1",
        "x",
    ] {
        let mut parser = Parser::new(UNLIMITED);
        assert_eq!(items(&mut parser, unfinished.as_bytes()), []);
        parser.reset();
        assert_eq!(
            items(&mut parser, b"data: b\n\n"),
            [message("b")],
            "after {unfinished:?}"
        );
    }
}

#[test]
fn reset_expects_a_bom_again() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    for _ in 0..2 {
        assert_eq!(
            items(&mut parser, "\u{FEFF}data: a\n\n".as_bytes()),
            [message("a")]
        );
        assert_eq!(items(&mut parser, "\u{FEFF}data: b\n\n".as_bytes()), []);
        parser.reset();
    }
    assert_eq!(items(&mut parser, b"\xEF\xBB"), []);
    parser.reset();
    assert_eq!(items(&mut parser, b"\xBFdata: a\n\n"), []);
}

#[test]
fn the_last_event_id_outlives_the_stream() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    assert_eq!(parser.last_event_id().as_str(), "");
    assert_eq!(items(&mut parser, b"id: 1\n\nid: 2\n"), [last_id("1")]);
    assert_eq!(parser.last_event_id().as_str(), "1");
    parser.reset();
    assert_eq!(parser.last_event_id().as_str(), "1");
    assert_eq!(
        items(&mut parser, b"data: a\n\n"),
        [message("a").with_id("1")]
    );
}

#[test]
fn the_last_event_id_can_be_set() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    parser.set_last_event_id("7");
    assert_eq!(parser.last_event_id().as_str(), "7");
    assert_eq!(
        items(&mut parser, b"id: 7\ndata: a\n\n"),
        [message("a").with_id("7")]
    );
    parser.set_last_event_id("9");
    assert_eq!(
        items(&mut parser, b"data: b\n\n"),
        [message("b").with_id("9")]
    );
    parser.set_last_event_id("");
    assert_eq!(items(&mut parser, b"data: c\n\n"), [message("c")]);
}

#[test]
fn an_id_that_is_set_inside_an_event_does_not_replace_that_of_the_event() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    assert_eq!(items(&mut parser, b"id: 8\n"), []);
    parser.set_last_event_id("9");
    assert_eq!(
        items(&mut parser, b"data: a\n\n"),
        [last_id("8"), message("a").with_id("8")]
    );
}

#[test]
fn break_leaves_the_rest_of_the_input_to_be_read_or_dropped() {
    let _deadline = Deadline::new();
    let stream = b"\xEF\xBB\xBF: a\nretry: 1\nid: 1\nevent: b\ndata: b\n\ndata: c\r\n\r\n: d\rdata: e\r\rdata: f";
    let all = parse([&stream[..]]);
    for stop in 1..all.len() {
        let mut parser = Parser::new(UNLIMITED);
        let mut got = Vec::new();
        let fed = parser.feed(stream, &mut |item: Item<'_>| {
            got.push(Got::from(item));
            if got.len() == stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        // An event is not parted from its id.
        let expected = stop + usize::from(matches!(all[stop - 1], Got::LastEventId(_)));
        assert_eq!(got, all[..expected]);
        let read = fed.expect("within the limit");

        if stop % 2 == 0 {
            got.extend(items(&mut parser, &stream[read..]));
            assert_eq!(got, all);
        }
        // Ready for another stream, with nothing left of this one but its ID.
        parser.reset();
        let id = parser.last_event_id().as_str().to_owned();
        assert_eq!(
            items(&mut parser, "\u{FEFF}data: f\n\n".as_bytes()),
            [message("f").with_id(&id)]
        );
    }
}

// ---- memory -------------------------------------------------------------------------------------

/// What a parser may hold beyond its limit.
const SMALL: usize = 8 * 1024;

#[test]
fn an_event_may_be_as_large_as_the_limit() {
    for (stream, size) in [
        ("data: 12345\n\n", 5),
        ("data: 12345\r\n\r\n", 5),
        ("data: 12\ndata: 45\n\n", 5),
        ("data\ndata\ndata\ndata\n\n", 3),
        ("event: 123\ndata: 45\n\n", 5),
        ("data: 12\nevent: 345\n\n", 5),
        ("event: 1234567\nevent: 8\n\n", 7),
        ("id: 123\ndata: 45\n\n", 5),
        ("data: 12\n: 345\ndata: 4\n\n", 5),
        (": 12345\n: 12\n", 5),
        ("id: 12345\n", 5),
        ("id: 12\0\nid: 1234\n", 4),
        ("event: 12345\n", 5),
        ("data: é漢\n\n", 5),
    ] {
        assert_size(stream.as_bytes(), size);
    }
}

#[test]
fn replacing_malformed_utf8_counts_what_it_puts() {
    assert_size(b"data: \xFF\xFF\xFF\n\n", 9);
    assert_size(b"data: a\xF0\x9F\x98\xFFb\n\n", 8);
    assert_size(b": \xFF\xFF\n", 6);
}

#[test]
fn an_id_counts_for_the_event_that_brings_it_and_not_for_those_that_follow() {
    assert_size(b"id: 12\ndata: 345\n\n", 5);
    assert_size(b"id: 123\n\ndata: 345\n\n", 3);
    assert_size(b"id: 12345\n\nid: 345\n\ndata: 12345\n\n", 5);
    assert_size(b"id: 123\n\nid\n\ndata: 345\n\n", 3);
}

#[test]
fn the_limit_is_for_one_event() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(5);
    for _ in 0..100 {
        assert_eq!(
            items(&mut parser, b"event: 1\ndata: 2345\n\n: abcde\n").len(),
            2
        );
    }
}

#[test]
fn what_is_not_kept_does_not_count() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(4);
    let long = "0".repeat(10_000);
    for piece in [
        "foo: ", &long, "\n", &long, ":", &long, "\n", "retry: ", &long, "5\n", "retry: x", &long,
        "\n",
    ] {
        assert_eq!(
            parser.feed(piece.as_bytes(), &mut |_: Item<'_>| ControlFlow::Continue(
                ()
            )),
            Ok(piece.len())
        );
    }
    assert_eq!(items(&mut parser, b"data: abcd\n\n"), [message("abcd")]);
}

#[test]
fn after_too_large_an_event_the_parser_is_reset() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(10);
    assert_eq!(
        items(&mut parser, b"id: 1\n\nevent: b\ndata: a\xFF"),
        [last_id("1")]
    );
    let fed = parser.feed(b"0123456789\n\n", &mut |_: Item<'_>| {
        ControlFlow::Continue(())
    });
    assert_eq!(fed, Err(Refused::TooLarge { limit: 10 }));
    assert_eq!(
        items(&mut parser, "\u{FEFF}data: c\n\n".as_bytes()),
        [message("c").with_id("1")]
    );
}

#[test]
fn comments_that_nobody_wants_are_passed_over_and_never_too_large() {
    let _deadline = Deadline::new();
    struct NoComments(Vec<Got>);
    impl Sink for NoComments {
        fn accept(&mut self, item: Item<'_>) -> ControlFlow<()> {
            self.0.push(item.into());
            ControlFlow::Continue(())
        }
        fn wants_comments(&self) -> bool {
            false
        }
    }
    let input = b":\n: 0123456789\ndata: a\n:data: b\r\ndata: c\n\n::\r\r: d";
    for size in 1..=input.len() {
        let mut parser = Parser::new(4);
        let mut got = NoComments(Vec::new());
        for piece in input.chunks(size) {
            parser.feed(piece, &mut got).expect("within the limit");
        }
        assert_eq!(got.0, [message("a\nc")], "{size} bytes at a time");
    }
}

#[test]
fn no_input_makes_the_parser_hold_more_than_its_limit_and_the_last_event_id() {
    let _deadline = Deadline::new();
    const LIMIT: usize = 1 << 20;
    let most = "x".repeat(LIMIT - 100);
    let half = "x".repeat(LIMIT / 2 - 100);
    let third = "x".repeat(LIMIT / 3);
    let hostile: [(&str, Vec<u8>); 9] = [
        ("an endless line of data", [b"data: ".to_vec(), vec![b'x'; 2 * LIMIT]].concat()),
        ("endless lines of data", b"data: x\n".repeat(LIMIT)),
        ("endless empty lines of data", b"data\n".repeat(2 * LIMIT)),
        ("an endless comment", [b":".to_vec(), vec![b'x'; 2 * LIMIT]].concat()),
        ("an endless field name", vec![b'x'; 2 * LIMIT]),
        ("malformed UTF-8", [b"data: ".to_vec(), vec![0xFF; LIMIT - 10], b"\n\n".to_vec()].concat()),
        ("malformed UTF-8 that just fits", [b"data: ".to_vec(), vec![0xFF; LIMIT / 3], b"\n\n".to_vec()].concat()),
        (
            "each buffer as large as it may be, in turn",
            format!("data: {most}\n\n: {most}\nevent: {most}\n\ndata: {half}\nevent: {third}\n: x\n\n: {most}\n\
                     data: {most}\n\nevent: {half}\n: x\ndata: {third}\n\nid: {half}\n\ndata: {third}\n\nid: {third}\n\n")
            .into_bytes(),
        ),
        ("buffers that outgrow each other", {
            let growing = (0..).map(|n| "x".repeat(n * n));
            let fields = growing.map(|x| format!("data: {x}\nevent: {x}\nid: {x}\n: {x}\n"));
            fields.take(120).collect::<String>().into_bytes()
        }),
    ];
    for (name, input) in hostile {
        let ids = input.split(|byte| *byte == b'\n');
        let ids = ids.filter_map(|line| line.strip_prefix(b"id: "));
        let longest_id = ids.map(<[u8]>::len).max().unwrap_or_default();
        for size in [input.len(), 1024] {
            let held = Allocations::during(|| {
                let mut parser = Parser::new(LIMIT);
                for piece in input.chunks(size) {
                    if parser
                        .feed(piece, &mut |_: Item<'_>| ControlFlow::Continue(()))
                        .is_err()
                    {
                        break;
                    }
                }
            });
            assert!(
                held.peak <= LIMIT + longest_id + SMALL,
                "{name}, {size} bytes at a time: {} bytes",
                held.peak
            );
        }
    }
}

#[test]
fn a_long_line_is_held_once() {
    let _deadline = Deadline::new();
    const LINE: usize = 8 << 20;
    let piece = [b'x'; 1024];
    let mut got = 0;
    let held = Allocations::during(|| {
        let mut parser = Parser::new(LINE);
        let mut feed = |input: &[u8]| {
            parser.feed(input, &mut |item: Item<'_>| {
                if let Item::Event(event) = item {
                    got += event.data.len();
                }
                ControlFlow::Continue(())
            })
        };
        assert_eq!(feed(b"data: "), Ok(6));
        for _ in 0..LINE / piece.len() {
            assert_eq!(feed(&piece), Ok(piece.len()));
        }
        assert_eq!(feed(b"\n\n"), Ok(2));
    });
    assert_eq!(got, LINE);
    assert!(held.peak <= LINE + SMALL, "{} bytes", held.peak);
    assert!(held.count < 50, "{} allocations", held.count);
}

#[test]
fn no_event_costs_an_allocation() {
    let _deadline = Deadline::new();
    let stream = b"data: a\n\nevent: b\nid: 1\ndata: c\ndata: d\nretry: 5\nunknown: e\ndata\n\n: f\nid: 22\n\n\
                   data: \xE6\xBC\xA2 \xFF\n\nid\n\r\n:\r\r";
    for size in [1, 7, stream.len()] {
        let mut parser = Parser::new(UNLIMITED);
        let mut count = 0;
        let mut feed_stream = || {
            for piece in stream.chunks(size) {
                let fed = parser.feed(piece, &mut |_: Item<'_>| {
                    count += 1;
                    ControlFlow::Continue(())
                });
                assert_eq!(fed, Ok(piece.len()));
            }
        };
        // Buffers change places, so it takes some rounds until each has its capacity.
        (0..4).for_each(|_| feed_stream());
        let made = Allocations::during(|| (0..100).for_each(|_| feed_stream()));
        assert_eq!(made.count, 0, "{size} bytes at a time");
        assert_eq!(count, 104 * 9);
    }
}

#[test]
fn shrink_gives_back_what_a_large_event_took() {
    let _deadline = Deadline::new();
    let large = "x".repeat(1 << 20);
    for line in ["data: ", "event: ", "id: ", ": "] {
        let kept = Allocations::during(|| {
            let mut parser = Parser::new(UNLIMITED);
            let input = format!("{line}{large}\n\nid: 1\n\nid: 2\n\n");
            let fed = parser.feed(input.as_bytes(), &mut |_: Item<'_>| {
                ControlFlow::Continue(())
            });
            assert_eq!(fed, Ok(input.len()));
            drop(input);
            assert!(Allocations::held_now() >= large.len(), "{line}");
            parser.shrink();
            assert!(
                Allocations::held_now() <= SMALL,
                "{line}{}",
                Allocations::held_now()
            );
        });
        assert_eq!(kept.left, 0);
    }
}

#[test]
fn shrink_keeps_what_small_events_need() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    let mut round = || {
        for _ in 0..4 {
            let input = b"event: a\nid: 1\ndata: b\n: c\n\nid: 2\n\n";
            let fed = parser.feed(input, &mut |_: Item<'_>| ControlFlow::Continue(()));
            assert_eq!(fed, Ok(input.len()));
        }
        parser.shrink();
    };
    round();
    assert_eq!(Allocations::during(round).count, 0);
}

#[test]
fn shrink_keeps_the_unfinished_event() {
    let _deadline = Deadline::new();
    let stream = format!(
        "event: {0}\nid: {0}\ndata: {0}\n: {0}\ndata: {0}\n\n",
        "x".repeat(1500)
    );
    for cut in 0..stream.len() {
        let (before, after) = stream.split_at(cut);
        let mut parser = Parser::new(UNLIMITED);
        let mut got = items(&mut parser, before.as_bytes());
        parser.shrink();
        got.extend(items(&mut parser, after.as_bytes()));
        assert!(got == naive(stream.as_bytes(), ""), "cut at {cut}");
    }
}

#[test]
fn a_parser_has_much_to_spare_after_a_large_event_until_it_shrinks() {
    let _deadline = Deadline::new();
    let mut parser = Parser::new(UNLIMITED);
    let mut feed = |event: &str, does_shrink: bool| {
        for piece in event.as_bytes().chunks(500) {
            items(&mut parser, piece);
        }
        if does_shrink {
            parser.shrink();
        }
        parser.has_much_to_spare()
    };
    assert!(!feed("data: small\n\n", false));
    assert!(!feed(&format!("data: {}\n\n", "x".repeat(2000)), false));
    let large = format!("data: {}", "x".repeat(64 * 1024));
    assert!(feed(&format!("{large}\n\n"), false));
    assert!(!feed("", true));
    // What it holds is none.
    assert!(!feed(&large, true));
}

// ---- time ---------------------------------------------------------------------------------------

#[test]
fn no_input_costs_more_than_linear_time() {
    let _deadline = Deadline::new();
    type Input = fn(usize) -> Vec<u8>;
    let cases: [(&str, usize, Input); 8] = [
        ("one byte at a time", 1, |n| {
            b"data: abcdefgh\nevent: b\n\n".repeat(n / 24)
        }),
        ("a long line one byte at a time", 1, |n| {
            [b"data: ".to_vec(), vec![b'x'; n]].concat()
        }),
        ("a long line", 1024, |n| {
            [b"data: ".to_vec(), vec![b'x'; 64 * n]].concat()
        }),
        ("a long unknown line", 1024, |n| vec![b'x'; 64 * n]),
        ("tiny lines", usize::MAX, |n| b":\n".repeat(n)),
        ("tiny lines of one event", 1024, |n| {
            b"data\nid\nevent\n".repeat(n / 8)
        }),
        ("malformed UTF-8", 1024, |n| {
            [b"data: ".to_vec(), vec![0xFF; 4 * n], b"\n".to_vec()].concat()
        }),
        ("characters cut in two", 1000, |n| {
            [b"data: ".to_vec(), "漢".repeat(4 * n).into_bytes()].concat()
        }),
    ];
    for (name, size, input) in cases {
        let time = |input: &[u8]| {
            let begun = cpu_time();
            let mut parser = Parser::new(UNLIMITED);
            for piece in input.chunks(size.min(input.len())) {
                assert_eq!(
                    parser.feed(piece, &mut |_: Item<'_>| ControlFlow::Continue(())),
                    Ok(piece.len())
                );
            }
            cpu_time() - begun
        };
        // Quadratic time would be 256 times as much: far beyond what a busy machine's caches do to the figures.
        let (once, sixteen_times) = (input(1 << 13), input(16 << 13));
        let (mut short, mut long) = (Duration::MAX, Duration::MAX);
        for _ in 0..5 {
            short = short.min(time(&once));
            long = long.min(time(&sixteen_times));
        }
        assert!(
            long < 64 * short,
            "{name}: {short:?} for one part, {long:?} for sixteen"
        );
    }
}

/// What this thread has had of a processor: other programs and tests do not count.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every system that the tests run on, and `time` is ours to write.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

// ---- what the tests are written in --------------------------------------------------------------

const UNLIMITED: usize = usize::MAX;

/// Feeds the parser and says what comes of it.
fn items(parser: &mut Parser, input: &[u8]) -> Vec<Got> {
    let mut got = Vec::new();
    let fed = parser.feed(input, &mut |item: Item<'_>| {
        got.push(Got::from(item));
        ControlFlow::Continue(())
    });
    assert_eq!(fed, Ok(input.len()));
    got
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Got> {
    let mut parser = Parser::new(UNLIMITED);
    pieces
        .into_iter()
        .flat_map(|piece| items(&mut parser, piece))
        .collect()
}

/// Checks what comes of `input`, however it is cut, and that the naive reading agrees.
#[track_caller]
fn check<const N: usize>(input: impl AsRef<[u8]>, expected: [Got; N]) {
    let _deadline = Deadline::new();
    let input = input.as_ref();
    let cut_is_harmless =
        |pieces: &[&[u8]]| assert_eq!(parse(pieces.iter().copied()), expected, "{}", show(pieces));

    cut_is_harmless(&[input]);
    for at in 0..=input.len() {
        let (head, tail) = input.split_at(at);
        cut_is_harmless(&[head, tail]);
    }
    let single: Vec<&[u8]> = input.chunks(1).collect();
    cut_is_harmless(&single);
    cut_is_harmless(
        &single
            .iter()
            .flat_map(|byte| [&b""[..], byte])
            .collect::<Vec<_>>(),
    );
    let mut random = Random(input.len() as u64 + 1);
    for _ in 0..20 {
        cut_is_harmless(&random.cut(input));
    }
    assert_eq!(
        naive(input, ""),
        expected,
        "the naive reading of {}",
        input.escape_ascii()
    );
}

/// Checks that the stream passes with `size` as the limit and with no less, in one piece and byte by byte.
#[track_caller]
fn assert_size(stream: &[u8], size: usize) {
    let _deadline = Deadline::new();
    for pieces in [vec![stream], stream.chunks(1).collect()] {
        for limit in 0..size + 3 {
            let mut parser = Parser::new(limit);
            let fed: Result<Vec<_>, _> = pieces
                .iter()
                .map(|piece| parser.feed(piece, &mut |_: Item<'_>| ControlFlow::Continue(())))
                .collect();
            let fits = fed.map(|_| ());
            let expected = if limit < size {
                Err(Refused::TooLarge { limit })
            } else {
                Ok(())
            };
            assert_eq!(
                fits,
                expected,
                "{} with a limit of {limit}",
                stream.escape_ascii()
            );
        }
    }
}

fn show(pieces: &[&[u8]]) -> String {
    pieces
        .iter()
        .map(|piece| format!("[{}]", piece.escape_ascii()))
        .collect()
}

/// xorshift64: the same inputs in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn cut<'a>(&mut self, mut input: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !input.is_empty() {
            let (piece, rest) = input.split_at(self.below(input.len().min(8) + 1));
            pieces.push(piece);
            input = rest;
        }
        pieces
    }
}
