"""Every number Slack sets, by name, each with its source.

`docs`: docs.slack.dev, the page named. `schema`: the limits that Slack's own SDK models carry. `live`:
measured on the live service and published. `ours`: no source states it. Where sources disagree the smaller
number stands here, so that what passes passes anywhere.
"""

from __future__ import annotations

# Time budgets
ACK_SECONDS = 3.0  # docs: interactivity/slash-commands
TRIGGER_SECONDS = 3.0  # docs: methods/views.open
RESPONSE_URL_SECONDS = 30 * 60.0  # docs: interactivity/handling
RESPONSE_URL_POSTS = 5  # docs: interactivity/handling
REDELIVERY_SECONDS = (0.0, 60.0, 300.0)  # docs: events-api, "retries": at once, after 1 and after 5 minutes
SOCKETS = 10  # docs: apis/events-api/using-socket-mode
SOCKET_LIFE_SECONDS = 18_060  # live: the usual debug_info.approximate_connection_time

# Messages
MESSAGE_TEXT = 40_000  # docs: methods/chat.postMessage; longer text is cut
MARKDOWN_TEXT = 12_000  # docs: methods/chat.postMessage
BLOCKS = 50  # docs: block-kit/blocks
ATTACHMENTS = 100  # docs: methods/chat.postMessage
BLOCKS_TEXT = 13_000  # live: bolt-js#2509 and metabase#79908 met msg_blocks_too_long at 13,202 and 13,297
EVENT_TYPE = 255  # ours: Slack states no length for a metadata event_type

# Blocks and elements
ELEMENT_ID = 255  # schema: block_id and action_id
SECTION_TEXT = 3_000  # schema
SECTION_FIELDS = 10  # schema
SECTION_FIELD = 2_000  # schema
HEADER_TEXT = 150  # schema
CONTEXT_ELEMENTS = 10  # schema
ACTIONS_ELEMENTS = 25  # schema
BUTTON_TEXT = 75  # schema
BUTTON_VALUE = 2_000  # schema
URL = 3_000  # schema
ACCESSIBILITY_LABEL = 75  # schema
CONFIRM_TITLE = 100  # schema
CONFIRM_TEXT = 300  # schema
CONFIRM_BUTTON = 30  # schema
OPTION_TEXT = 75  # schema
OPTION_VALUE = 150  # docs: composition-objects/option-object
OPTIONS = 100  # schema
OPTION_GROUPS = 100  # schema
OVERFLOW_OPTIONS = 5  # schema
CHECKBOX_OPTIONS = 10  # schema
PLACEHOLDER_TEXT = 150  # schema
INPUT_LABEL = 2_000  # schema
INPUT_LENGTH = 3_000  # schema
IMAGE_TEXT = 2_000  # schema: alt_text and title
MARKDOWN_BLOCK = 12_000  # docs: block-kit/blocks/markdown-block, all markdown blocks of a message together
ALERT_TEXT = 200  # docs: block-kit/blocks/alert-block
CONTAINER_TITLE = 150  # docs: block-kit/blocks/container-block
CONTAINER_BLOCKS = 10  # docs: block-kit/blocks/container-block
LIST_INDENT = 8  # docs: block-kit/blocks/rich-text-block

# Tables
TABLE_ROWS = 100  # docs: block-kit/blocks/table-block, the header row included
TABLE_COLUMNS = 20  # docs: block-kit/blocks/table-block
TABLE_TEXT = 10_000  # live: nao#1178; summed over every cell of every table of a message
TABLES_A_MESSAGE = 1  # docs: one table a message, `table` and `data_table` together
DATA_TABLE_ROWS = 101  # docs: block-kit/blocks/data-table-block; newer libraries say 201
DATA_TABLE_PAGE = 100  # docs: block-kit/blocks/data-table-block

# Charts
CHART_TITLE = 50  # docs: block-kit/blocks/data-visualization-block, as all below
CHART_SEGMENTS = 12
CHART_SERIES = 12
CHART_CATEGORIES = 20
CHART_LABEL = 20
CHART_AXIS_LABEL = 50
CHARTS = 2  # live: vercel/chat#696

# Views
VIEW_BLOCKS = 100  # docs: surfaces/modals
VIEW_BYTES = 250_000  # docs: methods/views.open, view_too_large
VIEW_TITLE = 24  # docs: surfaces/modals; submit and close too
VIEW_METADATA = 3_000  # docs: surfaces/modals
VIEW_STACK = 3  # docs: methods/views.push, push_limit_reached

# Files
SNIPPET_BYTES = 1_000_000  # docs: methods/files.getUploadURLExternal, snippet_too_large
FILE_CHANNELS = 100  # docs: methods/files.completeUploadExternal

# Pages of lists
PAGE = 100  # docs: apis/web-api/pagination
PAGE_MOST = 1_000  # docs: apis/web-api/pagination

# Rates, in calls a minute: docs, apis/web-api/rate-limits
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
POSTS_A_SECOND = 1.0  # docs: chat.postMessage, per channel
POST_BURST = 3  # ours: Slack says short bursts pass and promises nothing
