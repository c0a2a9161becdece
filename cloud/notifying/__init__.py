"""Messages to people: who is told of an alarm, when, in which words, and whether it arrived.

In this order: `settings` says whom; the book's events become occasions (`cloud.book.notification_planning`), `deciding`
says to whom and when each is told; `cloud.book.notification_queue` keeps the messages; `courier` hands them over
through `targets`, and `wording` says them. Nothing of it is imported where no [notify] is configured.
"""
